"""The installed system's own files, packages, boot data; written below the target, never outside.

Paths come from the design: they are followed below the target only, links of the image
included. Source: contract, netboot, section 5.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from drydockd.agent.install.programs import Programs
from drydockd.agent.install.talk import Server

HOST_KEYS = ("ed25519", "ecdsa")
BINDS = ("/dev", "/proc", "/sys", "/run")


class BadPath(Exception):
    """A path of the plan or of boot data that leaves the target."""


def write_files(target: Path, files: Iterable[Mapping[str, Any]]) -> None:
    for entry in files:
        write_file(target, entry["path"], entry["text"].encode(), entry["mode"])


def write_file(target: Path, path: str, content: bytes, mode: int) -> None:
    """Write one file, its folders made; a link in its place is replaced, not followed."""
    place = inside(target, path)
    os.makedirs(place.parent, exist_ok=True)
    # Through no link of the image: the folder's real place must be below the target too.
    real = Path(os.path.realpath(place.parent))
    if not real.is_relative_to(os.path.realpath(target)):
        raise BadPath(f"{path}: a link of the image leads out of it")
    if place.is_symlink() or place.exists():
        place.unlink()
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.chmod(place, mode & 0o7777)


def inside(target: Path, path: str) -> Path:
    """Return the place of an absolute path below `target`. Raises BadPath."""
    parts = PurePosixPath(path).parts
    if not path.startswith("/") or ".." in parts or "\0" in path:
        raise BadPath(f"{path!r} is no absolute path")
    return target.joinpath(*parts[1:])


def fresh_identity(target: Path, programs: Programs) -> None:
    """Keys and ids of a machine are its own, not its image's."""
    folder = target / "etc/ssh"
    for old in folder.glob("ssh_host_*_key*"):
        old.unlink()
    if folder.is_dir():
        for kind in HOST_KEYS:
            programs.run(
                "chroot", str(target), "ssh-keygen", "-q", "-N", "", "-t", kind,
                "-f", f"/etc/ssh/ssh_host_{kind}_key",
            )  # fmt: skip


def enable(target: Path, units: Sequence[str], programs: Programs) -> None:
    for unit in units:
        programs.run("chroot", str(target), "systemctl", "enable", unit)


def install_packages(target: Path, packages: Sequence[str], programs: Programs) -> None:
    if not packages:
        return
    inside_target = ("chroot", str(target), "env", "DEBIAN_FRONTEND=noninteractive")
    programs.run(*inside_target, "apt-get", "update", seconds=1800)
    programs.run(
        *inside_target, "apt-get", "install", "--yes", "--no-install-recommends", *packages,
        seconds=3600,
    )  # fmt: skip


def fetch_boot_data(
    target: Path, boot: Mapping[str, str], server: Server, programs: Programs
) -> None:
    """Unpack both archives of the node, and enable its units. Raises on any failure."""
    headers = {"X-Bootaction-Key": boot["key"]}
    base = f"{boot['url'].rstrip('/')}/bootdata/{boot['hostname']}"
    for kind in ("units", "files"):
        content = server.fetch(f"{base}/{kind}", headers)
        names = unpack_archive(target, content)
        if kind == "units":
            enable(target, [PurePosixPath(name).name for name in names], programs)


def unpack_archive(target: Path, content: bytes) -> list[str]:
    """Write the plain files of a gzipped tar below `target`; return their paths."""
    written = []
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            if not member.isfile():
                continue
            path = "/" + member.name.lstrip("./")
            file = archive.extractfile(member)
            write_file(target, path, file.read() if file else b"", member.mode)
            written.append(path)
    return written


@contextmanager
def chrooted(target: Path, programs: Programs) -> Iterator[None]:
    """The kernel's file systems are below the target meanwhile."""
    mounted: list[str] = []
    try:
        for path in BINDS:
            where = str(target) + path
            os.makedirs(where, exist_ok=True)
            programs.run("mount", "--rbind", path, where)
            programs.run("mount", "--make-rslave", where)
            mounted.append(where)
        yield
    finally:
        for where in reversed(mounted):
            programs.run("umount", "-R", "-l", where, may_fail=True)
