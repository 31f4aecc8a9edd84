#!/usr/bin/python3
"""Build the Debian package of drydockd for the Debian this runs on.

It holds a venv of the system's python3 in /opt/drydockd, filled from requirements/run.txt (every
version by its hash) and a wheel of drydockd; units, user, folders and configuration are where
Debian has them. Needs nothing but python3-venv and dpkg-deb. The same wheel, version and
SOURCE_DATE_EPOCH give the same bytes, wherever it is built.
"""

import argparse
import base64
import csv
import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LOCK = ROOT / "requirements" / "run.txt"
HOME = "opt/drydockd"
COMMANDS = ("drydock", "drydockd")
# Whoever builds it for others says who he is, as to Debian's own tools.
MAINTAINER = (
    f"{os.environ.get('DEBFULLNAME', 'The drydockd authors')}"
    f" <{os.environ.get('DEBEMAIL', 'drydockd@localhost')}>"
)
# Where each file of the checkout goes.
FILES = {
    "conf/drydockd.yaml": "etc/drydockd/drydockd.yaml",
    "conf/policy.yaml": "etc/drydockd/policy.yaml",
    "packaging/debian/drydockd.sysusers": "usr/lib/sysusers.d/drydockd.conf",
    "packaging/debian/drydockd.tmpfiles": "usr/lib/tmpfiles.d/drydockd.conf",
    "packaging/debian/copyright": "usr/share/doc/drydockd/copyright",
    "packaging/debian/lintian-overrides": "usr/share/lintian/overrides/drydockd",
}
# xz makes it a third smaller in forty times the time.
COMPRESSED = ("-Zgzip", "-z3")
SCRIPTS = ("postinst", "prerm", "postrm")
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/drydock",
    "zsh": "usr/share/zsh/vendor-completions/_drydock",
    "fish": "usr/share/fish/vendor_completions.d/drydock.fish",
}


class Impossible(Exception):
    """It cannot be built here; the message says why and what to do."""


def run(*command: str | Path, **options) -> str:
    """Return what a command wrote. Raises Impossible with what it said when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Impossible(
            f"{command[0]} ended with {done.returncode}:\n{done.stderr or done.stdout}"
        )
    return done.stdout


def fill(stage: Path, wheel: Path, links: Path | None) -> None:
    """Make the venv below `stage` and install what the lock names, and the wheel."""
    home = stage / HOME
    run(sys.executable, "-m", "venv", "--without-pip", home)
    with tempfile.TemporaryDirectory() as scratch:
        run(sys.executable, "-m", "venv", Path(scratch, "pip"))
        pip = [Path(scratch, "pip/bin/python"), "-m", "pip", "-q", "--disable-pip-version-check"]
        # By name and hash out of a folder: pip records no path of a file then.
        version = wheel.name.split("-")[1]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        wanted = Path(scratch, "drydockd.txt")
        wanted.write_text(f"drydockd=={version} --hash=sha256:{digest}\n")
        install = [*pip, "--python", home / "bin/python", "install", "--no-compile", "--no-deps"]
        install += ["--only-binary", ":all:", "--require-hashes"]
        there = ["--no-index", "--find-links", links] if links else []
        run(*install, *there, "-r", LOCK)
        run(*install, "--no-index", "--find-links", wheel.parent, "-r", wanted)
        run(*pip, "--python", home / "bin/python", "check")


def rehome(stage: Path) -> None:
    """Turn the venv, made at one place, into the one that is at /opt/drydockd."""
    home = stage / HOME
    for path in (home / "bin").iterdir():
        if path.name not in COMMANDS:
            path.unlink()
    for name in ("python", "python3"):
        (home / "bin" / name).symlink_to("/usr/bin/python3")
    minor = ".".join(platform.python_version_tuple()[:2])
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {minor}\n"
    )
    for name in COMMANDS:
        script = home / "bin" / name
        _, _, code = script.read_text().partition("\n")
        script.write_text(f"#!/{HOME}/bin/python\n{code}")
    for record in home.glob("lib/python3*/site-packages/*.dist-info/RECORD"):
        _correct(record)


def _correct(record: Path) -> None:
    """Have a RECORD say what is there: without the programs that were left out."""
    site = record.parents[1]
    with record.open(newline="") as file:
        rows = list(csv.reader(file))
    with record.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for name, digest, size in rows:
            path = (site / name).resolve()
            if "/bin/" in name and name.startswith(".."):
                if not path.exists():
                    continue
                sha256 = hashlib.sha256(path.read_bytes()).digest()
                digest = f"sha256={base64.urlsafe_b64encode(sha256).rstrip(b'=').decode()}"
                size = str(path.stat().st_size)
            writer.writerow((name, digest, size))


def place(stage: Path, version: str, epoch: int) -> None:
    """Put everything that is not the venv where Debian has it."""
    for source, target in FILES.items():
        _copy(ROOT / source, stage / target)
    for unit in sorted((ROOT / "systemd").iterdir()):
        _copy(unit, stage / "lib/systemd/system" / unit.name)
    commands = stage / "usr/bin"
    commands.mkdir(parents=True)
    for name in COMMANDS:
        (commands / name).symlink_to(f"/{HOME}/bin/{name}")
    _compressed(stage / "usr/share/doc/drydockd/changelog.gz", (ROOT / "CHANGELOG.md").read_bytes())
    date = format_datetime(datetime.fromtimestamp(epoch, UTC))
    entry = (
        f"drydockd ({version}) stable; urgency=medium\n\n  * See changelog.gz.\n\n"
        f" -- {MAINTAINER}  {date}\n"
    )
    _compressed(stage / "usr/share/doc/drydockd/changelog.Debian.gz", entry.encode())
    _manual(stage)
    _completions(stage)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _compressed(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, 9, mtime=0))


def _manual(stage: Path) -> None:
    """The page of the daemon, and those that the command makes of its help."""
    with tempfile.TemporaryDirectory() as scratch:
        run(stage / HOME / "bin/python", "-B", "-m", "drydockd.cli.man", scratch)
        for page in [HERE / "drydockd.8", *sorted(Path(scratch).iterdir())]:
            section = page.suffix[1:]
            _compressed(stage / f"usr/share/man/man{section}/{page.name}.gz", page.read_bytes())


def _completions(stage: Path) -> None:
    """What `drydock completion SHELL` prints."""
    drydock = [stage / HOME / "bin/python", "-B", "-m", "drydockd.cli"]
    for shell, target in COMPLETIONS.items():
        (stage / target).parent.mkdir(parents=True)
        (stage / target).write_text(run(*drydock, "completion", shell))


def control(stage: Path, version: str) -> None:
    """Write DEBIAN/: what the package needs, its configuration files, sums and scripts."""
    major, minor = (int(part) for part in platform.python_version_tuple()[:2])
    size = sum(path.lstat().st_size for path in _paths(stage) if not path.is_dir())
    words = {
        "VERSION": version,
        "ARCHITECTURE": run("dpkg", "--print-architecture").strip(),
        "SIZE": str(size // 1024),
        "MAINTAINER": MAINTAINER,
        "PYTHON": f"python3 (>= {major}.{minor}~), python3 (<< {major}.{minor + 1}~)",
        "MINOR": f"{major}.{minor}",
    }
    folder = stage / "DEBIAN"
    sums = "".join(
        f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(stage)}\n"
        for path in _paths(stage)
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(stage / "etc")
    )
    conffiles = "".join(
        f"/{path.relative_to(stage)}\n" for path in _paths(stage / "etc") if path.is_file()
    )
    folder.mkdir()
    (folder / "md5sums").write_text(sums)
    (folder / "conffiles").write_text(conffiles)
    for name in ("control", *SCRIPTS):
        text = re.sub("@([A-Z]+)@", lambda word: words[word[1]], (HERE / name).read_text())
        (folder / name).write_text(text)


def _paths(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*"))


def settle(stage: Path, epoch: int) -> None:
    """Give every file the mode and the time it has whoever builds it, and whenever."""
    programs = {stage / HOME / "bin" / name for name in COMMANDS}
    programs |= {stage / "DEBIAN" / name for name in SCRIPTS}
    for path in (*_paths(stage), stage):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path in programs else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def trace(stage: Path) -> None:
    """Raises Impossible if a file of the venv knows where it was built."""
    for path in _paths(stage):
        if path.is_file() and not path.is_symlink() and str(stage).encode() in path.read_bytes():
            raise Impossible(f"{path.relative_to(stage)} names the folder it was built in")


def build(wheel: Path, version: str, out: Path, epoch: int, links: Path | None) -> Path:
    """Return the package, built into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="drydockd-deb-") as scratch:
        stage = Path(scratch, "root")
        fill(stage, wheel, links)
        rehome(stage)
        place(stage, version, epoch)
        for compiled in [*stage.rglob("__pycache__")]:
            shutil.rmtree(compiled)
        trace(stage)
        control(stage, version)
        settle(stage, epoch)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
        run(
            "dpkg-deb",
            "--root-owner-group",
            *COMPRESSED,
            "--build",
            stage,
            out,
            env=environment,
        )
    architecture = run("dpkg", "--print-architecture").strip()
    return out / f"drydockd_{version}_{architecture}.deb"


def check() -> None:
    """Raises Impossible where this is no Debian that can build it."""
    if shutil.which("dpkg-deb") is None:
        raise Impossible("dpkg-deb is missing: a Debian package is built on Debian")
    if Path(sys.executable).parent != Path("/usr/bin"):
        raise Impossible(f"{sys.executable} is not Debian's python: run it with /usr/bin/python3")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        raise Impossible("python3-venv is missing: sudo apt-get install python3-venv") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="wheel of drydockd (make wheel)")
    parser.add_argument("out", type=Path, help="folder the package is written to")
    parser.add_argument("--version", help="of the package; default: the wheel's")
    parser.add_argument("--find-links", type=Path, help="wheels of the lock; default: an index")
    chosen = parser.parse_args()
    version = chosen.version or chosen.wheel.name.split("-")[1]
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or chosen.wheel.stat().st_mtime)
    try:
        check()
        made = build(chosen.wheel.resolve(), version, chosen.out, epoch, chosen.find_links)
    except Impossible as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
