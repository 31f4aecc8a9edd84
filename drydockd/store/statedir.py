"""The state directory: the names of its files, its lock and its permissions."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drydockd.errors import StoreRefused
from drydockd.store.disk import FILE_MODE, Disk, give_to_owner


@dataclass(frozen=True, slots=True)
class StateDir:
    """Paths of one state directory. ``drafts`` are left over by a crash and mean nothing."""

    path: Path

    @property
    def file(self) -> Path:
        return self.path / "drydock.json"

    @property
    def journal(self) -> Path:
        return self.path / "drydock.journal"

    @property
    def next_journal(self) -> Path:
        """Takes the writes while a compaction runs; then takes the journal's place."""
        return self.path / "drydock.journal.next"

    @property
    def past(self) -> Path:
        """Holds journals that were folded; see past."""
        return self.path / "past"

    @property
    def mark(self) -> Path:
        """Says how far the store certainly came; see mark."""
        return self.path / "drydock.mark"

    @property
    def secret(self) -> Path:
        """What the keys of nodes are derived from; not ours, but of one life with the records."""
        return self.path / "secret"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    def drafts(self) -> list[Path]:
        return sorted(self.path.glob("drydock.*.new"))

    def holds_records(self) -> bool:
        return any(path.exists() for path in (self.file, self.journal, self.next_journal))

    def prepare(self, disk: Disk) -> None:
        """Make the directory if need be. Raises StoreRefused if it is open to others."""
        try:
            if not self.path.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                disk.make_folder(self.path)
            elif not any(self.path.iterdir()):
                self.path.chmod(0o700)  # empty: nothing in it could have been seen
            refuse_if_open_to_others(self)
            if not self.blobs.exists():
                disk.make_folder(self.blobs)
                disk.sync_folder(self.path)
        except OSError as error:
            raise StoreRefused(f"state directory {self.path}: {error}") from error


def damaged_folder(disk: Disk, state: StateDir) -> Path:
    """Make a folder for what was found damaged, and return it. Raises OSError."""
    folder = state.path / f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    disk.make_folder(folder)
    return folder


def open_to_others(state: StateDir) -> list[Path]:
    """Files and folders others than the owner may read or write."""
    found = [path for path in _everything(state.path) if _is_open(path)]
    return sorted(found)


def refuse_if_open_to_others(state: StateDir) -> None:
    found = open_to_others(state)
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise StoreRefused(
            f"{found[0]}{more} can be read or written by others than its owner;"
            f" run `chmod -R go= {state.path}`"
        )


def _everything(folder: Path) -> Iterator[Path]:
    yield folder
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(path, name)


def _is_open(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:  # a running daemon may just have removed it
        return False
    return not stat.S_ISLNK(mode) and bool(mode & 0o077)


class Lock:
    """The right to write into a state directory; held until `release` or the process ends."""

    def __init__(self, state: StateDir) -> None:
        """Raises StoreRefused, naming the holder, if another process has it."""
        self._descriptor = os.open(state.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        give_to_owner(state.lock)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise StoreRefused(
                f"{state.path} is in use by process {holder or '(unknown)'};"
                " one state directory serves one drydockd, so stop that one first"
            ) from None
        # The file system may be full; a lock without its number still is a lock.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
