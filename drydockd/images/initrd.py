"""The agent's initrd: its system as a squashfs, and what mounts it.

Source: contract, netboot, section 7.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipapp
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from drydockd.errors import InvalidInput, Unavailable
from drydockd.images.recipes import AGENT_MODULES_TRIM, AGENT_TRIM, EARLY_MODULES
from drydockd.images.workshop import discard


def furnish(root: Path) -> None:
    """Put the agent, its first process, and what keeps udev's hands off the disks into `root`."""
    _text(root / "sbin/drydock-init", resource("agent-init.sh"), 0o755)
    _text(root / "usr/share/udhcpc/default.script", resource("udhcpc.sh"), 0o755)
    # Else udev activates the volume groups that it finds on the disks.
    _text(
        root / "etc/lvm/lvmlocal.conf",
        "activation {\n    auto_activation_volume_list = []\n}\n",
    )
    _text(root / "etc/mdadm/mdadm.conf", "AUTO -all\n")
    _text(root / "etc/hosts", "127.0.0.1 localhost\n")
    target = root / "usr/lib/drydock"
    target.mkdir(parents=True, exist_ok=True)
    bundle(target / "agent.pyz")


def trim(root: Path) -> None:
    """Remove what the agent does not need; copyrights stay. Modules are to be indexed anew."""
    for pattern in AGENT_TRIM:
        for path in root.glob(pattern):
            discard(path)
    for folder in (root / "lib/modules").glob("*"):
        for module in spare_modules(_dependencies(folder)):
            (folder / module).unlink()


def spare_modules(dependencies: Mapping[str, Sequence[str]]) -> set[str]:
    """Return which modules may go: those of the list that no other module needs.

    `dependencies`: path below the folder of the version, to all that it needs, also indirectly.
    """
    listed = tuple(f"kernel/{begin}" for begin in AGENT_MODULES_TRIM)
    spare = {path for path in dependencies if path.startswith(listed)}
    needed = (dependencies[path] for path in dependencies if path not in spare)
    return spare - {path for paths in needed for path in paths}


def _dependencies(folder: Path) -> dict[str, list[str]]:
    """Read modules.dep(5)."""
    lines = (folder / "modules.dep").read_text(encoding="utf-8").splitlines()
    found = (line.partition(":") for line in lines)
    return {path: after.split() for path, _, after in found}


def bundle(path: Path) -> None:
    """Write the agent as one file: a zip that python3 runs, with nothing but itself in it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        package = resources.files("drydockd.agent.install")
        inside = source / "drydockd/agent/install"
        inside.mkdir(parents=True)
        for name in ("drydockd", "drydockd/agent"):
            (source / name / "__init__.py").write_text("")
        for entry in package.iterdir():
            if entry.name.endswith(".py") and entry.name != "__main__.py":
                (inside / entry.name).write_bytes(entry.read_bytes())
        main = (package / "__main__.py").read_text(encoding="utf-8")
        (source / "__main__.py").write_text(main, encoding="utf-8")
        zipapp.create_archive(source, path, interpreter="/usr/bin/python3", compressed=True)


def early_modules(root: Path, target: Path) -> None:
    """Copy to `target` the modules that mounting the squashfs needs, with what they need.

    Raises InvalidInput if the kernel has one neither as a module nor inside itself.
    """
    versions = sorted(entry.name for entry in (root / "lib/modules").iterdir())
    if len(versions) != 1:
        raise InvalidInput(f"one kernel is wanted, found {', '.join(versions) or 'none'}")
    source = root / "lib/modules" / versions[0]
    needed = {
        Path(path).name.split(".")[0].replace("-", "_"): [path, *after]
        for path, after in _dependencies(source).items()
    }
    builtin = (source / "modules.builtin").read_text()
    copies = target / "lib/modules" / versions[0]
    copies.mkdir(parents=True)
    lines = []
    for module in EARLY_MODULES:
        if module not in needed:
            if f"/{module}.ko" in builtin:
                continue
            raise InvalidInput(f"the kernel {versions[0]} has no module {module}")
        lines.append(f"{needed[module][0]}: {' '.join(needed[module][1:])}\n")
        for name in needed[module]:
            (copies / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, copies / name)
    (copies / "modules.dep").write_text("".join(lines))


def write_initrd(initrd: Path, squashfs: Path, early: Path) -> None:
    """Join the squashfs, not compressed again, and `early`, the small system that is the way in.

    A kernel takes archives one after the other, each beginning at a multiple of four bytes.
    Source: the kernel's documentation, driver-api/early-userspace/buffer-format.
    """
    with tempfile.TemporaryDirectory(dir=initrd.parent) as folder, open(initrd, "wb") as file:
        os.link(squashfs, Path(folder) / "agent.squashfs")
        file.write(cpio(Path(folder)))
        while file.tell() % 4:
            file.write(b"\0")
        file.write(_filtered(["zstd", "-q", "-c", "-10"], cpio(early)))


def way_in(early: Path, busybox: Path) -> None:
    """Put the first process of the initrd into `early`."""
    (early / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy2(busybox, early / "bin/busybox")
    _text(early / "init", resource("init.sh"), 0o755)


def cpio(folder: Path) -> bytes:
    """Return all of `folder` as an archive, root's. Raises Unavailable with what cpio said."""
    names = [".", *sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))]
    command = ["cpio", "--quiet", "--null", "--create", "--format=newc", "--owner=0:0"]
    return _filtered(command, "\0".join(names).encode() + b"\0", folder)


def resource(name: str) -> str:
    """Return a script that lies beside this file."""
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _filtered(command: list[str], given: bytes, cwd: Path | None = None) -> bytes:
    done = subprocess.run(command, input=given, capture_output=True, cwd=cwd, check=False)  # noqa: S603
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Unavailable(f"{command[0]}: exit status {done.returncode}: {said}")
    return done.stdout


def _text(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
