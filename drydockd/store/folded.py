"""Writes that were, read again from the disk: the journals, and those folded before them.

A journal that was folded into the file is not removed at once: as ``past/<number>.journal``, the
number being that of the write it continues from, it stays until the bound on all of them is
passed. Reading costs who writes nothing, and takes no memory that grows with what is read.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from drydockd.model import BootAction, Message, Task
from drydockd.store import codec
from drydockd.store.codec import MESSAGES
from drydockd.store.disk import Disk
from drydockd.store.lines import spread, verified
from drydockd.store.past import Past, PastWrite, Telling, WritesGone
from drydockd.store.statedir import StateDir

log = logging.getLogger(__name__)

PAST_BYTES = 64 << 20
# A daemon that is started anew again and again folds a small one each time.
MOST_FILES = 1024
# So much is read at a time, in a millisecond or two; a longer line as a whole.
_PIECE_BYTES = 256 << 10
# And no further write when so many records were found: what many tasks get alike is short.
_PIECE_RECORDS = 1024
# Where the number of a write stands in its line: behind the checksum and ``{"seq":``.
_NUMBER_AT = len('00000000 {"seq":')
_TOLD = {"tasks", "boot_actions", MESSAGES}
_ATTEMPTS = 5


def keep(disk: Disk, state: StateDir, bound: int) -> None:
    """Keep the journal, which a complete file has made void, and let go of the oldest.

    At most `bound` bytes are kept, and MOST_FILES. A disk that refuses is logged: readers are told
    of the gap.
    """
    if not bound and not state.past.exists():
        return
    try:
        if not state.past.exists():
            disk.make_folder(state.past)
        if bound:
            _link(disk, state)
        _let_go(disk, state, bound)
        disk.sync_folder(state.past)
    except OSError as error:
        log.warning("%s: writes of the past cannot be kept: %s", state.past, error)


def _link(disk: Disk, state: StateDir) -> None:
    after = _continues_from(state.journal)
    if after is None:
        return
    try:
        disk.link(state.journal, state.past / f"{after:020d}.journal")
    except OSError as error:
        # Kept before a crash came between this and the journal's end.
        if error.errno != errno.EEXIST:
            raise


def _let_go(disk: Disk, state: StateDir, bound: int) -> None:
    kept = 0
    for number, (_, path) in enumerate(sorted(_kept(state), reverse=True)):
        kept += path.stat().st_size
        if kept > bound or number >= MOST_FILES:
            disk.unlink(path)


def _kept(state: StateDir) -> Iterator[tuple[int, Path]]:
    """The kept journals, with the number that each continues from."""
    for path in state.past.glob("*.journal") if state.past.exists() else ():
        if path.stem.isdecimal():
            yield int(path.stem), path


def _continues_from(path: Path) -> int | None:
    """Return the number the journal `path` continues from; None without one that can be read."""
    try:
        with path.open("rb") as file:
            document = verified(file.readline().removesuffix(b"\n"))
    except FileNotFoundError:
        return None
    return None if document is None else int(document["after"])


class JournalPast(Past):
    """Reads the journals of a state directory, beside the daemon that writes them."""

    def __init__(self, state: StateDir, after: int) -> None:
        self._state = state
        self._seq = after
        self._descriptor = -1
        self._offset = 0
        self._reading = threading.Lock()
        self._is_closed = False

    def close(self) -> None:
        # While a thread reads, that thread closes: the loop waits for no disk.
        self._is_closed = True
        if self._reading.acquire(blocking=False):
            self._let_go()
            self._reading.release()

    def read(self, until: int) -> list[PastWrite]:
        """As Past.read."""
        try:
            with self._reading:
                return self._read(until)
        finally:
            if self._is_closed:
                self.close()

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self, until: int) -> list[PastWrite]:
        ended: tuple[int, int] | None = None
        while self._seq < until:
            if self._descriptor < 0:
                here = self._open(until)
                if here == ended:
                    # It ends, and nothing goes on where it does.
                    self._let_go()
                    raise WritesGone(self._next_kept(until))
            if found := self._piece(until):
                return found
            status = os.fstat(self._descriptor)
            ended = status.st_dev, status.st_ino
            self._let_go()
        return []

    def _open(self, until: int) -> tuple[int, int]:
        """Open the journal that holds the next write. Raises WritesGone."""
        for _ in range(_ATTEMPTS):
            candidates = [(after, path) for after, path in self._journals() if after <= self._seq]
            if not candidates:
                break
            after, path = max(candidates)
            try:
                self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # renamed or let go of meanwhile
            if _continues_from(path) == after:
                self._offset = 0
                status = os.fstat(self._descriptor)
                return status.st_dev, status.st_ino
            self._let_go()
        raise WritesGone(self._next_kept(until))

    def _journals(self) -> Iterator[tuple[int, Path]]:
        yield from _kept(self._state)
        for path in (self._state.journal, self._state.next_journal):
            if (after := _continues_from(path)) is not None:
                yield after, path

    def _next_kept(self, until: int) -> int:
        """Where what is kept goes on, behind the writes that are not."""
        later = [after for after, _ in self._journals() if self._seq < after <= until]
        return min(later, default=until)

    def _piece(self, until: int) -> list[PastWrite]:
        """The next writes of the open journal up to `until`; none at its end."""
        size = _PIECE_BYTES
        while True:
            data = os.pread(self._descriptor, size, self._offset)
            end = data.rfind(b"\n") + 1
            if not end and len(data) == size:
                size *= 4
                continue
            if not end:
                return []
            found, used = self._writes(data[:end], until)
            self._offset += used
            if found or not used:
                return found

    def _writes(self, lines: bytes, until: int) -> tuple[list[PastWrite], int]:
        found: list[PastWrite] = []
        start = told = 0
        while start < len(lines) and told < _PIECE_RECORDS:
            end = lines.index(b"\n", start)
            number = _number(lines[start:end])
            if number > until:
                break
            if number > self._seq:
                document = verified(lines[start:end])
                if document is None or number != self._seq + 1:
                    break
                found.append(PastWrite(number, _records(document["ops"])))
                told += len(found[-1].records)
                self._seq = number
            start = end + 1
        return found, start


def _number(line: bytes) -> int:
    """Return the number of a write from its line; 0 for a first line, which has none."""
    digits = line[_NUMBER_AT : line.find(b",", _NUMBER_AT)]
    return int(digits) if digits.isdigit() else 0


def _records(ops: list[list[object]]) -> list[Telling]:
    found: list[Telling] = []
    for table, document in spread(ops):
        if table not in _TOLD or not isinstance(document, dict):
            continue
        row = Message(**document) if table == MESSAGES else codec.decode_row(str(table), document)
        if isinstance(row, Task | Message | BootAction):
            found.append(row)
    return found
