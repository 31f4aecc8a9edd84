"""The installed system's own files, packages, boot data; written below the target, never outside.

Paths come from the design: they are followed below the target only, links of the image
included, as a system that has the target as its root would. Source: contract, netboot, section 5.
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
KEY_TOOLS = ("usr/bin/ssh-keygen", "usr/local/bin/ssh-keygen")
BINDS = ("/dev", "/proc", "/sys", "/run")
# As the kernel's.
MOST_LINKS = 40


class BadPath(Exception):
    """A path of the plan or of boot data that leaves the target."""


def write_files(target: Path, files: Iterable[Mapping[str, Any]]) -> None:
    for entry in files:
        write_file(target, entry["path"], entry["text"].encode(), entry["mode"])


def write_file(target: Path, path: str, content: bytes, mode: int) -> None:
    """Write one file, its folders made; a link in its place is replaced, not followed.

    Raises BadPath, OSError.
    """
    check_path(path)
    folder, _, name = path.rstrip("/").rpartition("/")
    if not name:
        raise BadPath(f"{path!r} names no file")
    where = below(target, folder)
    os.makedirs(where, exist_ok=True)
    place = where / name
    if place.is_symlink() or place.exists():
        if place.is_dir() and not place.is_symlink():
            raise BadPath(f"{path}: there is a folder in its place")
        place.unlink()
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.chmod(place, mode & 0o7777)


def check_path(path: str) -> None:
    """Raises BadPath unless `path` is absolute, without ``.`` and ``..``."""
    parts = path.split("/")
    if not path.startswith("/") or ".." in parts or "." in parts or "\0" in path:
        raise BadPath(f"{path!r} is no absolute path")


def below(target: Path, path: str) -> Path:
    """Follow `path` as the installed system will: links begin at `target`, ``..`` ends there.

    Raises BadPath for a circle of links.
    """
    left = [part for part in path.split("/") if part not in ("", ".")]
    at: list[str] = []
    links = 0
    while left:
        part = left.pop(0)
        if part == "..":
            at = at[:-1]
            continue
        place = target.joinpath(*at, part)
        if not place.is_symlink():
            at.append(part)
            continue
        links += 1
        if links > MOST_LINKS:
            raise BadPath(f"{path}: too many links of the image")
        told = os.readlink(place)
        at = [] if told.startswith("/") else at
        left = [word for word in told.split("/") if word not in ("", ".")] + left
    return target.joinpath(*at)


def fresh_identity(target: Path, programs: Programs) -> None:
    """Keys and ids of a machine are its own, not its image's."""
    folder = below(target, "etc/ssh")
    for old in folder.glob("ssh_host_*_key*"):
        old.unlink()
    # An image without it has no server that would need keys either.
    has_tool = any(below(target, place).is_file() for place in KEY_TOOLS)
    if folder.is_dir() and has_tool:
        for kind in HOST_KEYS:
            programs.run(
                "chroot", str(target), "ssh-keygen", "-q", "-N", "", "-t", kind,
                "-f", f"/etc/ssh/ssh_host_{kind}_key",
            )  # fmt: skip


def enable(target: Path, units: Sequence[str], programs: Programs) -> None:
    for unit in units:
        # Offline: without it systemctl may look for the manager of the agent's own system.
        programs.run("chroot", str(target), "env", "SYSTEMD_OFFLINE=1", "systemctl", "enable", unit)


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
            with chrooted(target, programs):
                enable(target, [PurePosixPath(name).name for name in names], programs)


def unpack_archive(target: Path, content: bytes) -> list[str]:
    """Write the plain files of a gzipped tar below `target`; return their paths.

    Raises BadPath for a link, a device, a path that leaves; tarfile.TarError, OSError, EOFError.
    """
    written = []
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            if member.isdir():
                continue
            path = "/" + str(PurePosixPath(member.name.lstrip("/")))
            file = archive.extractfile(member) if member.isreg() else None
            if file is None:
                raise BadPath(f"{member.name}: only plain files are taken from boot data")
            write_file(target, path, file.read(), member.mode)
            written.append(path)
    return written


@contextmanager
def chrooted(target: Path, programs: Programs) -> Iterator[None]:
    """The kernel's file systems are below the target meanwhile."""
    mounted: list[str] = []
    try:
        for path in BINDS:
            where = str(below(target, path))
            os.makedirs(where, exist_ok=True)
            programs.run("mount", "--rbind", path, where)
            mounted.append(where)
            programs.run("mount", "--make-rslave", where)
        yield
    finally:
        for where in reversed(mounted):
            programs.run("umount", "-R", "-l", where, may_fail=True)
