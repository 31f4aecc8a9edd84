"""The journal being written: append and sync, recover from a failing disk, change files."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from drydockd.store.damage import Damage
from drydockd.store.disk import Disk, replace_file, write_all
from drydockd.store.folded import PAST_BYTES, keep
from drydockd.store.lines import Header, Journal, encode_header, encode_write
from drydockd.store.mark import MarkWriter
from drydockd.store.statedir import StateDir


class _Trouble(Enum):
    """What must be put right before anything may be acknowledged again."""

    NONE = 0
    TAIL = 1  # something stands behind the last good line
    SYNC = 2  # a sync failed: what the disk holds of this file is unknown


class JournalWriter:
    """One thread at a time. `seq` and `size` describe what is safely on disk.

    Every method that fails with OSError leaves the file as it was, or remembers what it
    could not put back and does so before the next write.
    """

    def __init__(
        self, disk: Disk, state: StateDir, header: Header, *, past_bytes: int = PAST_BYTES
    ) -> None:
        self._past_bytes = past_bytes
        self._disk = disk
        self._state = state
        self._store_id = header.store_id
        self._origin = header.origin
        self._path = state.journal
        self._descriptor = -1
        self._trouble = _Trouble.NONE
        self._mark = MarkWriter(disk, state.mark, header.store_id)
        self.seq = header.after
        self.size = 0

    def create(self) -> None:
        """Make an empty journal that continues from `seq`, in the place of any there is."""
        header = self._header(self.seq)
        replace_file(self._disk, self._path, [header])
        self._reopen(self._path, len(header))
        self._mark.begin(self.seq)

    def resume(self, path: Path, seq: int, size: int) -> None:
        """Continue the existing `path` behind `size`, cutting off what follows."""
        self._reopen(path, size)
        self.seq = seq
        if os.fstat(self._descriptor).st_size != size:
            self._trouble = _Trouble.TAIL
            self._mend()
        self._mark.begin(seq)

    def upgrade(self) -> None:
        """Give a journal of an older format the first line of today's; its writes stay."""
        good = os.pread(self._descriptor, self.size, 0)
        found = Journal(self._path, good)
        header = self._header(found.header.after)
        replace_file(self._disk, self._path, [header, good[found.end :]])
        self._reopen(self._path, len(header) + self.size - found.end)

    def _header(self, after: int) -> bytes:
        return encode_header(Header(self._store_id, after, self._origin))

    def append(self, writes: Sequence[bytes]) -> None:
        """Put one line per write (see lines.encode_ops) on disk, with one sync."""
        self._mend()
        data = b"".join(
            [encode_write(seq, ops, self.seq) for seq, ops in enumerate(writes, self.seq + 1)]
        )
        self._trouble = _Trouble.TAIL
        try:
            write_all(self._disk, self._descriptor, data)
            self._trouble = _Trouble.SYNC
            self._disk.sync_data(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                self._mend()
            raise
        self._trouble = _Trouble.NONE
        self.size += len(data)
        self.seq += len(writes)
        self._mark.note(self.seq)

    def is_rotated(self) -> bool:
        return self._path == self._state.next_journal

    def rotate(self) -> None:
        """Continue in the next journal; a no-op when that is already so."""
        if self.is_rotated():
            return
        self._mend()
        path = self._state.next_journal
        header = self._header(self.seq)
        replace_file(self._disk, path, [header])
        self._reopen(path, len(header))

    def promote(self) -> None:
        """Let the next journal take the journal's place: a complete file made that one void."""
        if self.is_rotated():
            keep(self._disk, self._state, self._past_bytes)
            self._disk.rename(self._path, self._state.journal)
            self._path = self._state.journal
        self._disk.sync_folder(self._state.path)
        self._mark.sync()

    def close(self) -> None:
        """Safe to call twice."""
        if self._descriptor < 0:
            return
        self._mark.sync()
        self._mark.close()
        with contextlib.suppress(OSError):
            self._mend()
        self._disk.close(self._descriptor)
        self._descriptor = -1

    def _reopen(self, path: Path, size: int) -> None:
        descriptor = self._disk.append_to(path)
        if self._descriptor >= 0:
            self._disk.close(self._descriptor)
        self._descriptor, self._path, self.size = descriptor, path, size

    def _mend(self) -> None:
        if self._trouble is _Trouble.TAIL:
            self._disk.truncate(self._descriptor, self.size)
            self._trouble = _Trouble.SYNC
            self._disk.sync_data(self._descriptor)
        elif self._trouble is _Trouble.SYNC:
            self._rewrite()
        self._trouble = _Trouble.NONE

    def _rewrite(self) -> None:
        # After a failed fdatasync Linux may count the lost pages as clean, and the next
        # fdatasync succeeds without them (the "fsync gate" of PostgreSQL, 2018). So nothing
        # is trusted to this file any more: its good part goes into a new one.
        good = os.pread(self._descriptor, self.size, 0)
        self._check(good)
        replace_file(self._disk, self._path, [good])
        self._reopen(self._path, self.size)

    def _check(self, good: bytes) -> None:
        try:
            journal = Journal(self._path, good)
            for _ in journal.writes():
                pass
        except Damage as damage:
            raise OSError(errno.EIO, f"its good part cannot be read back: {damage}") from damage
        if journal.end != self.size:
            raise OSError(errno.EIO, f"{self._path}: its good part cannot be read back whole")
