"""Unpacking a tarball that nobody vouches for, into a folder it cannot leave.

Refused as a whole: members other than regular files, names with ``..``, more members or
bytes than allowed, a file where a folder must be, an archive that ends too early. Absolute
names are re-rooted. Nothing is ever followed, so nothing outside can be written.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

CHUNK = 64 * 1024
NAME_MAX = 255


class ArchiveRefused(Exception):
    """The archive breaks a rule; the message says which member and which rule."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """One file of an archive: its name under the root, mode bits (no set-id), size."""

    path: PurePosixPath
    mode: int
    size_bytes: int


def unpack(
    archive: BinaryIO, root: Path, *, max_bytes: int, max_members: int
) -> tuple[Unpacked, ...]:
    """Unpack a gzipped tar below `root` (made if missing). Raises ArchiveRefused.

    Files are left readable for us only; `apply_modes` gives them the archive's modes. Of
    members with one name the last wins. Blocking: run it in a thread. Safe to repeat.
    """
    root.mkdir(parents=True, exist_ok=True)
    found: dict[PurePosixPath, Unpacked] = {}
    written = 0
    try:
        with gzip.GzipFile(fileobj=archive, mode="rb") as plain:
            bounded = _Bounded(plain, max_bytes + max_members * 4 * tarfile.BLOCKSIZE)
            with tarfile.open(fileobj=bounded, mode="r|") as members:  # type: ignore[call-overload]
                for count, member in enumerate(_checked(members), 1):
                    if count > max_members:
                        raise ArchiveRefused(f"more than {max_members} members")
                    written += member.size
                    if written > max_bytes:
                        raise ArchiveRefused(f"{member.name!r}: more than {max_bytes} bytes in all")
                    path = _inside(member.name)
                    source = members.extractfile(member)
                    if source is None:
                        raise ArchiveRefused(f"{member.name!r}: has no content")
                    _write(root, path, source, member.size)
                    found[path] = Unpacked(path, member.mode & 0o777, member.size)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ArchiveRefused(f"not a whole gzipped tar: {error}") from error
    return tuple(found.values())


def apply_modes(root: Path, files: tuple[Unpacked, ...]) -> None:
    """Give the unpacked files the modes the archive had for them."""
    for file in files:
        (root / file.path).chmod(file.mode)


def _checked(members: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in members:
        # isreg() also says yes to sparse files, whose size is a claim that costs nothing.
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        if not plain or member.sparse is not None:
            raise ArchiveRefused(f"{member.name!r}: only regular files, not type {member.type!r}")
        yield member


def _inside(name: str) -> PurePosixPath:
    """The member's name as a relative path that stays below any root."""
    path = PurePosixPath(name.lstrip("/"))
    if not path.parts or ".." in path.parts or "\0" in name:
        raise ArchiveRefused(f"{name!r}: names no file inside the node")
    if any(len(os.fsencode(part)) > NAME_MAX for part in path.parts) or len(name) > 4096:
        raise ArchiveRefused(f"{name[:80]!r}...: the name is too long")
    return path


def _write(root: Path, path: PurePosixPath, source: IO[bytes], size: int) -> None:
    target = root / path
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        descriptor = os.open(target, flags, 0o600)
    except OSError as error:
        raise ArchiveRefused(f"{str(path)!r}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        left = size
        while left and (chunk := source.read(min(left, CHUNK))):
            file.write(chunk)
            left -= len(chunk)
    if left:
        raise ArchiveRefused(f"{str(path)!r}: {left} bytes are missing")


class _Bounded:
    """A stream that refuses to give more than `limit` bytes: a bomb ends here."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveRefused("it unpacks to more bytes than allowed")
        return data
