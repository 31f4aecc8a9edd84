"""The mark: how far the store certainly came, kept beside the journal and not in it.

::

    9ad1f3c2 {"mark":"drydock","store":"0b6f...","seq":127}

One line, padded with blanks to 128 bytes and overwritten in place, after a write reached the
disk and before it is acknowledged. It is not synced with each write: that would double what a
write costs. A process that is killed loses nothing of it, as the system has it; a power cut may
leave an older one, by as long as the system lets changed pages lie (some 30 seconds). So it
never says too much, and what is missing of what it says is lost.
"""

from __future__ import annotations

import logging
import zlib
from dataclasses import dataclass
from pathlib import Path

import orjson

from drydockd.store.damage import Damage
from drydockd.store.disk import Disk, replace_file

log = logging.getLogger(__name__)

MARK_BYTES = 128
# Read while a daemon overwrites it, it may be half of each; that is over within a microsecond.
_READS = 10


@dataclass(frozen=True, slots=True)
class Mark:
    """The last write of `store_id` that was certainly on disk."""

    store_id: str
    seq: int


def encode_mark(mark: Mark) -> bytes:
    document = orjson.dumps({"mark": "drydock", "store": mark.store_id, "seq": mark.seq})
    return (b"%08x %b" % (zlib.crc32(document), document)).ljust(MARK_BYTES - 1) + b"\n"


def read_mark(path: Path) -> Mark | None:
    """Return what the mark says, None when there is none. Raises Damage, OSError."""
    for _ in range(_READS):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        if (mark := _decode(content)) is not None:
            return mark
    raise Damage(path, 0, "it is not what was written there last")


def _decode(content: bytes) -> Mark | None:
    checksum, _, document = content.rstrip().partition(b" ")
    if checksum != b"%08x" % zlib.crc32(document):
        return None
    try:
        found = orjson.loads(document)
        return Mark(found["store"], found["seq"])
    except (ValueError, KeyError, TypeError):
        return None


class MarkWriter:
    """Keeps the mark of one store; one thread at a time."""

    def __init__(self, disk: Disk, path: Path, store_id: str) -> None:
        self._disk = disk
        self._path = path
        self._store_id = store_id
        self._descriptor = -1
        self._is_failing = False

    def begin(self, seq: int) -> None:
        """Open the mark, made anew if it is none of this store's, and put it at `seq`."""
        mark = Mark(self._store_id, seq)
        content = encode_mark(mark)
        there = self._path.stat().st_size if self._path.exists() else 0
        if there != len(content) or read_mark(self._path) != mark:
            replace_file(self._disk, self._path, [content])
        self.close()
        self._descriptor = self._disk.open_to_change(self._path)

    def note(self, seq: int) -> None:
        """Put the mark at `seq`, which is on disk. Never raises: that write is done."""
        if self._descriptor < 0:
            return
        try:
            self._disk.write_at(self._descriptor, encode_mark(Mark(self._store_id, seq)))
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                log.warning("%s cannot be written: %s", self._path, error)
            self._is_failing = True

    def sync(self) -> None:
        """Force the mark to the disk. Never raises."""
        if self._descriptor < 0:
            return
        try:
            self._disk.sync_data(self._descriptor)
        except OSError as error:
            log.warning("%s cannot be synced: %s", self._path, error)

    def close(self) -> None:
        """Safe to call twice."""
        if self._descriptor >= 0:
            self._disk.close(self._descriptor)
            self._descriptor = -1
