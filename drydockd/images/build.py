"""Building agents and images of Debian packages, with mmdebstrap and mksquashfs.

Everything is made in a folder of its own beside the blobs, and enters the catalogue at its end.
Source: contract, netboot, sections 7 and 8.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipapp
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from drydockd.errors import InvalidInput, Unavailable
from drydockd.images.catalogue import Agent, File, Image
from drydockd.images.recipes import (
    AGENT_EXCLUDES,
    AGENT_PACKAGES,
    AGENT_TRIM,
    EARLY_MODULES,
    IMAGE_PACKAGES,
    KEPT_DOCS,
    KERNELS,
    Recipe,
)
from drydockd.images.writing import add_blob, write_entry

Say = Callable[[str], None]
NEEDS = {
    "mmdebstrap": "mmdebstrap",
    "mksquashfs": "squashfs-tools",
    "cpio": "cpio",
    "zstd": "zstd",
    "dpkg-deb": "dpkg",
}
# An image is unpacked once per installation, the agent read by every start of every machine.
IMAGE_LEVEL, AGENT_LEVEL = 3, 9
TAIL_LINES = 20


def missing() -> dict[str, str]:
    """Return the programs that building needs and this host lacks, with their Debian package."""
    return {name: package for name, package in NEEDS.items() if shutil.which(name) is None}


def build_image(folder: Path, recipe: Recipe, say: Say) -> Image:
    """Build an operating system and add it to the catalogue. Raises Unavailable, InvalidInput."""
    with _workshop(folder) as place:
        root = place / "root"
        packages = (*IMAGE_PACKAGES, KERNELS[recipe.kernel], *recipe.include)
        say(f"{recipe.name}: {len(packages)} packages of {recipe.suite} from {recipe.mirror}")
        # systemd-networkd's own package is systemd; resolv.conf is written by the agent.
        hooks = (
            'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname "$1"/etc/resolv.conf',
            ': > "$1"/etc/machine-id',
            'chroot "$1" systemctl enable systemd-networkd.service',
            'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin',
        )
        _mmdebstrap(root, recipe, "apt", packages, hooks, say)
        kernels = tuple(
            sorted(p.name.removeprefix("vmlinuz-") for p in (root / "boot").glob("vmlinuz-*"))
        )
        if not kernels:
            raise InvalidInput(f"{recipe.name}: the packages brought no kernel")
        squashfs = place / "image.squashfs"
        _squash(root, squashfs, IMAGE_LEVEL, say)
        unpacked = _bytes_of(root)
        installed = _packages_of(root)
        digest, size = add_blob(folder, squashfs)
        image = Image(
            name=recipe.name,
            kind="squashfs",
            release=recipe.suite,
            sha256=digest,
            bytes=size,
            unpacked_bytes=unpacked,
            kernels=kernels,
            features=("lvm", "md", "xfs"),
            built=_now(),
            source=f"mmdebstrap {recipe.suite} {recipe.mirror}",
            packages=installed,
        )
        write_entry(folder, image)
        return image


def build_agent(folder: Path, recipe: Recipe, say: Say) -> Agent:
    """Build the agent's kernel and initrd and add them to the catalogue."""
    with _workshop(folder) as place:
        root = place / "root"
        say(f"{recipe.name}: {len(AGENT_PACKAGES)} packages of {recipe.suite}")
        kernel_hook = _kernel_hook(KERNELS[recipe.kernel])
        options = [f"--dpkgopt=path-exclude={path}" for path in AGENT_EXCLUDES]
        options.append(f"--dpkgopt=path-include={KEPT_DOCS}")
        packages = (*AGENT_PACKAGES, *recipe.include)
        _mmdebstrap(root, recipe, "essential", packages, (kernel_hook,), say, options)
        installed = _packages_of(root)
        vmlinuz = _take_kernel(root, place)
        _furnish(root)
        for path in AGENT_TRIM:
            _remove(root / path)
        squashfs = place / "agent.squashfs"
        modules = _early_modules(root, place)
        _squash(root, squashfs, AGENT_LEVEL, say)
        initrd = place / "initrd"
        _initrd(place, squashfs, modules, root, initrd)
        kernel_digest, kernel_bytes = add_blob(folder, vmlinuz)
        initrd_digest, initrd_bytes = add_blob(folder, initrd)
        agent = Agent(
            name=recipe.name,
            kind="agent",
            version=vmlinuz.name.removeprefix("vmlinuz-"),
            kernel=File(sha256=kernel_digest, bytes=kernel_bytes),
            initrd=File(sha256=initrd_digest, bytes=initrd_bytes),
            built=_now(),
            source=f"mmdebstrap {recipe.suite} {recipe.mirror}",
            packages=installed,
        )
        write_entry(folder, agent)
        return agent


# -- parts of a build


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A folder on the catalogue's file system, gone at the end, whoever owns what is in it."""
    if lacking := missing():
        raise Unavailable(
            f"building needs {', '.join(lacking)}: apt-get install {' '.join(lacking.values())}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=".build-", dir=folder))
    try:
        yield place
    finally:
        _remove(place)


def _mmdebstrap(
    root: Path,
    recipe: Recipe,
    variant: str,
    packages: Sequence[str],
    hooks: Sequence[str],
    say: Say,
    options: Sequence[str] = (),
) -> None:
    command = [
        "mmdebstrap",
        f"--variant={variant}",
        "--include=" + ",".join(packages),
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Retries "3"',
        *options,
        *(f"--customize-hook={hook}" for hook in hooks),
        recipe.suite,
        str(root),
        recipe.mirror,
    ]
    _run(command, say)


def _kernel_hook(metapackage: str) -> str:
    """Unpack the kernel without installing it: its dependencies would bring an initramfs.

    Through tar: dpkg-deb -x replaces the link /lib by a folder, and the root is dead.
    """
    return (
        'set -e; export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; mkdir -p "$1/tmp/kernel"; '
        f"name=$(apt-cache depends {metapackage} | sed -n 's/^ *Depends: //p' "
        "| grep '^linux-image' | head -n 1); "
        'cd "$1/tmp/kernel"; apt-get download "$name"; '
        'for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" '
        '| tar -x --keep-directory-symlink -C "$1"; done; rm -rf "$1/tmp/kernel"; '
        'for modules in "$1"/lib/modules/*; do chroot "$1" depmod "${modules##*/}"; done'
    )


def _take_kernel(root: Path, place: Path) -> Path:
    found = sorted((root / "boot").glob("vmlinuz-*"))
    if not found:
        raise InvalidInput("the kernel's package brought no vmlinuz")
    taken = place / found[-1].name
    shutil.move(found[-1], taken)
    _remove(root / "boot")
    return taken


def _furnish(root: Path) -> None:
    """The agent, its first process, and what keeps the system's hands off the disks."""
    _text(root / "sbin/drydock-init", _resource("agent-init.sh"), 0o755)
    _text(root / "usr/share/udhcpc/default.script", _resource("udhcpc.sh"), 0o755)
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


def bundle(path: Path) -> None:
    """Write the agent as one file: a zip that python3 runs."""
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


def _early_modules(root: Path, place: Path) -> Path:
    """Copy the modules that mounting the squashfs needs, with what they need; return the place."""
    (version,) = [entry.name for entry in (root / "lib/modules").iterdir()]
    source = root / "lib/modules" / version
    needed: dict[str, list[str]] = {}
    for line in (source / "modules.dep").read_text().splitlines():
        name, _, after = line.partition(":")
        needed[Path(name).name.split(".")[0].replace("-", "_")] = [name, *after.split()]
    builtin = (source / "modules.builtin").read_text()
    copies = place / "early" / "lib/modules" / version
    copies.mkdir(parents=True)
    lines = []
    for module in EARLY_MODULES:
        if module not in needed:
            if f"/{module}.ko" in builtin:
                continue
            raise InvalidInput(f"the kernel {version} has no module {module}")
        lines.append(f"{needed[module][0]}: {' '.join(needed[module][1:])}\n")
        for name in needed[module]:
            (copies / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, copies / name)
    (copies / "modules.dep").write_text("".join(lines))
    return place / "early"


def _initrd(place: Path, squashfs: Path, early: Path, root: Path, initrd: Path) -> None:
    """The squashfs in an archive that is not compressed again, then a small one with the way in."""
    (early / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy2(root / "bin/busybox", early / "bin/busybox")
    _text(early / "init", _resource("init.sh"), 0o755)
    large = place / "large"
    large.mkdir()
    os.link(squashfs, large / "agent.squashfs")
    with open(initrd, "wb") as file:
        file.write(_cpio(large))
        while file.tell() % 4:
            file.write(b"\0")
        zipped = subprocess.run(
            ["zstd", "-q", "-c", "-10"],  # noqa: S607
            input=_cpio(early),
            stdout=subprocess.PIPE,
            check=True,
        )
        file.write(zipped.stdout)


def _cpio(folder: Path) -> bytes:
    names = [".", *sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))]
    done = subprocess.run(
        ["cpio", "--quiet", "--null", "--create", "--format=newc", "--owner=0:0"],  # noqa: S607
        input="\0".join(names).encode() + b"\0",
        stdout=subprocess.PIPE,
        cwd=folder,
        check=True,
    )
    return done.stdout


def _squash(root: Path, target: Path, level: int, say: Say) -> None:
    options = ("-noappend", "-no-progress", "-quiet", "-comp", "zstd")
    command = ["mksquashfs", str(root), str(target), *options, "-Xcompression-level", str(level)]
    _run(command, say)


def _run(command: Sequence[str], say: Say) -> None:
    """Raises Unavailable with the end of what the program said."""
    child = subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    last: list[str] = []
    assert child.stdout is not None  # noqa: S101
    for line in child.stdout:
        last = [*last[-TAIL_LINES + 1 :], line.rstrip()]
        say(line.rstrip())
    if child.wait():
        raise Unavailable(f"{command[0]}: exit status {child.returncode}:\n" + "\n".join(last))


def _packages_of(root: Path) -> dict[str, str]:
    """Return package and version of all that dpkg says is installed below `root`."""
    status = (root / "var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    found = {}
    for block in status.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " "
        )
        if fields.get("Status") == "install ok installed":
            found[fields["Package"]] = fields["Version"]
    return found


def _bytes_of(root: Path) -> int:
    """What the files take on a file system of 4 KiB blocks."""
    total = 0
    for folder, folders, files in os.walk(root):
        total += 4096 * len(folders)
        for name in files:
            size = os.lstat(os.path.join(folder, name)).st_size
            total += -(-size // 4096) * 4096
    return total


def _resource(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _text(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=False)
    else:
        path.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
