"""Every operation that changes the disk, in one small class: the seam where tests break disks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700


class Disk:
    """The operating system's disk. All methods raise OSError, and nothing else."""

    def create(self, path: Path) -> int:
        """Open `path` empty for writing, owner only; return its descriptor."""
        flags = os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_CLOEXEC
        descriptor = os.open(path, flags, FILE_MODE)
        give_to_owner(path)
        return descriptor

    def append_to(self, path: Path) -> int:
        """Open the existing `path` for reading and appending."""
        return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)

    def open_to_change(self, path: Path) -> int:
        """Open the existing `path` for reading and overwriting."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def write_at(self, descriptor: int, data: bytes) -> None:
        """Overwrite the file's beginning with `data`, less than a sector."""
        os.pwrite(descriptor, data, 0)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write some of `data`; return how many bytes."""
        return os.write(descriptor, data)

    def sync_data(self, descriptor: int) -> None:
        """Force content and length to the disk (fdatasync)."""
        os.fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)

    def rename(self, source: Path, target: Path) -> None:
        os.rename(source, target)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target)

    def make_folder(self, path: Path) -> None:
        os.mkdir(path, FOLDER_MODE)
        give_to_owner(path)

    def sync_folder(self, path: Path) -> None:
        """Force the names in the folder `path` to the disk: what rename and unlink changed."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)


def give_to_owner(path: Path) -> None:
    """Let what root makes belong to the owner of the folder it is in: the daemon's user."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write all of `data`, however many calls that takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[disk.write(descriptor, rest) :]


# So often is a long file synced while it is written: one sync at its end would hold up
# every other sync of the file system for as long as all of it takes.
SYNC_EVERY_BYTES = 4 << 20


def replace_file(disk: Disk, path: Path, chunks: Iterable[bytes], suffix: str = ".new") -> None:
    """Put a file of `chunks` in the place of `path`: the old one or the new one, never a mix.

    Durable when it returns. Raises OSError; then `path` is the old file, or (only when the
    folder could not be synced) one of the two.
    """
    draft = path.with_name(path.name + suffix)
    try:
        _write_draft(disk, draft, chunks)
        disk.rename(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            disk.unlink(draft)
        raise
    disk.sync_folder(path.parent)


def _write_draft(disk: Disk, draft: Path, chunks: Iterable[bytes]) -> None:
    descriptor = disk.create(draft)
    try:
        unsynced = 0
        for chunk in chunks:
            write_all(disk, descriptor, chunk)
            unsynced += len(chunk)
            if unsynced >= SYNC_EVERY_BYTES:
                disk.sync_data(descriptor)
                unsynced = 0
        disk.sync_data(descriptor)
    finally:
        disk.close(descriptor)
