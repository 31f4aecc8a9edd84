"""Break the code line by line, and tell which breaks no test of the mirror folder notices.

mutmut makes the mutants, runs them and remembers the verdicts; this gives every folder a
working folder of its own, picks the sample and says where a survivor stands.

    python -m tests.mutants [--only store/codec.py] [--sample 80] [FOLDER ...]

Stopped and started again it goes on where it was. A kill stands until its function changes;
survivors are tried again when a test changed.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".cache" / "mutants"
FOLDERS = ("store", "tasks", "auth")
SEED = 9
KILLED = ("killed", "timeout", "segfault")


def main() -> None:
    args = arguments()
    if len(args.folders) == 1:
        run(args.folders[0], args.only, args.sample)
        return
    # mutmut reads its configuration once per process.
    for folder in args.folders:
        command = [sys.executable, "-m", "tests.mutants", folder, "--sample", str(args.sample)]
        subprocess.run([*command, "--only", args.only], cwd=ROOT, check=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help=", ".join(FOLDERS))
    parser.add_argument("--only", default="", help="a file or folder below drydockd/")
    parser.add_argument("--sample", type=int, default=0, help="mutants per folder; 0 is all")
    args = parser.parse_args()
    if not args.folders:
        args.folders = [args.only.split("/")[0]] if args.only else list(FOLDERS)
    if unknown := set(args.folders) - set(FOLDERS):
        parser.error(f"no mutants are made of {', '.join(sorted(unknown))}")
    return args


def run(folder: str, only: str, sample: int) -> None:
    os.chdir(working_folder(folder))
    generate()
    forget_survivors_of_other_tests(folder)
    names = sampled([n for n in verdicts() if is_of(n, only)], sample)
    known = verdicts()
    if todo := [name for name in names if known[name] == "not checked"]:
        # One worker: the tests of some folders share machine-wide things such as ports.
        subprocess.run(
            ["mutmut", "run", "--max-children", "1", *todo], check=True, env=mutmut_env()
        )
    report(folder, names)


def mutmut_env() -> dict[str, str]:
    """The environment with this interpreter's own commands first."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def working_folder(folder: str) -> Path:
    """Return a folder that shows mutmut the tree, with the configuration for `folder`."""
    work = WORK / folder
    (work / "mutants").mkdir(parents=True, exist_ok=True)
    settings = (ROOT / "tests" / "mutants" / "mutmut.toml").read_text(encoding="utf-8")
    for name in ("drydockd", "tests", *tomllib.loads(settings)["tool"]["mutmut"]["also_copy"]):
        link(work / name, ROOT / name)
    link(work / "mutants" / ".peers", ROOT / ".peers")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    text = project + settings.replace("FOLDER", folder)
    (work / "pyproject.toml").write_text(text, encoding="utf-8")
    # mutmut copies the tests, but keeps those that have gone since.
    shutil.rmtree(work / "mutants" / "tests", ignore_errors=True)
    return work


def link(name: Path, target: Path) -> None:
    if not name.is_symlink():
        name.symlink_to(target)


def generate() -> None:
    """Write the mutants of every changed function, as the first step of `mutmut run` does."""
    from mutmut import __main__ as mutmut
    from mutmut.utils import file_utils

    file_utils.copy_src_dir()
    with mutmut.CatchOutput():
        mutmut.create_mutants(1)


def verdicts() -> dict[str, str]:
    """Return mutant -> verdict, of every mutant of the folder."""
    from mutmut.stats import status_by_exit_code

    return {name: status_by_exit_code[code] for name, code in mutants().items()}


def mutants() -> dict[str, int | None]:
    return {n: code for data in metas() for n, code in sorted(data.exit_code_by_key.items())}


def metas():
    """Yield what mutmut remembers of each source file."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.utils.file_utils import walk_mutatable_files

    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        yield data


def forget_survivors_of_other_tests(folder: str) -> None:
    """Once per change of the folder's tests, let what lived be tried again."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "tests" / folder).rglob("*.py")):
        digest.update(path.read_bytes())
    mark = Path("mutants", "tests.sha256")
    if mark.exists() and mark.read_text(encoding="utf-8") == digest.hexdigest():
        return
    from mutmut.stats import status_by_exit_code

    for data in metas():
        data.exit_code_by_key = {
            name: code if status_by_exit_code[code] in KILLED else None
            for name, code in data.exit_code_by_key.items()
        }
        data.save()
    # Which test calls which function.
    Path("mutants", "mutmut-stats.json").unlink(missing_ok=True)
    mark.write_text(digest.hexdigest(), encoding="utf-8")


def is_of(mutant: str, only: str) -> bool:
    wanted = ".".join(("drydockd", *Path(only.removesuffix(".py")).parts))
    return f"{mutant}.".startswith(f"{wanted}.")


def sampled(names: list[str], size: int) -> list[str]:
    """Return `size` of the names, the same ones every time; all of them for 0."""
    if not size or size >= len(names):
        return names
    return sorted(random.Random(SEED).sample(sorted(names), size))


# -- the report --------------------------------------------------------------------------


def report(folder: str, names: list[str]) -> None:
    known = verdicts()
    found = Counter(known[name] for name in names)
    for name in names:
        if known[name] not in KILLED:
            print(f"\n{place(name)}: {known[name]}  {name}\n{change(name)}")
    killed = sum(found[verdict] for verdict in KILLED)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
    rate = f"{killed / len(names):.1%}" if names else "nothing"
    print(f"\n{folder}: {rate} of {len(names)} mutants killed ({counts})", flush=True)


def source_of(mutant: str) -> Path:
    for data in metas():
        if mutant in data.exit_code_by_key:
            return Path(data.path)
    raise LookupError(mutant)


def change(mutant: str) -> str:
    """Return the lines that differ, as ``-`` and ``+``."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = get_diff_for_mutant(mutant, path=source_of(mutant)).splitlines()[2:]
    return "\n".join(line for line in lines if line[:1] in "+-")


def place(mutant: str) -> str:
    """Return ``file:line`` of the first line that differs."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    path = source_of(mutant)
    function, owner = orig_function_and_class_names_from_key(mutant)
    line = first_line(path, function, owner)
    for text in get_diff_for_mutant(mutant, path=path).splitlines()[2:]:
        if text.startswith("@@"):
            line += int(text.split()[1].removeprefix("-").split(",")[0]) - 1
        elif text[0] in "+-":
            break
        else:
            line += 1
    return f"{path}:{line}"


def first_line(path: Path, function: str, owner: str | None) -> int:
    scope: ast.AST = ast.parse(path.read_text(encoding="utf-8"))
    for wanted in (owner, function):
        if wanted is not None:
            scope = next(n for n in ast.iter_child_nodes(scope) if getattr(n, "name", "") == wanted)
    return int(getattr(scope, "lineno", 1))


if __name__ == "__main__":
    main()
