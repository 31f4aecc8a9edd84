"""The journal's lines: one per atomic write, checksummed and numbered. Pure functions.

::

    9ad1f3c2 {"journal":"drydock","format":2,"store":"0b6f...","origin":1767571...,"after":120}
    51e20b77 {"seq":121,"ops":[["tasks",{...}],["messages",{...}],["-intents","..."]]}
    0c44d1a9 {"seq":123,"after":121,"ops":[...]}

A line is the CRC-32 of its JSON as eight hex digits, a blank, the JSON, a newline. An op is
``[table, document]`` to insert or replace, ``["-" + table, key]`` to remove, and ``["said",
{"task_id", "after", "messages"}]`` for messages of a task behind the first `after` of it. Those
that many tasks get alike stand once: `messages` is left out where they are those of the ``said``
before. `after` of a line is the last write that was on disk when the line was appended; without
it that is the one before.

What a power cut leaves of an append is a torn tail, and was never acknowledged:

- a last line without its newline, which JSON cannot hold: it was cut off (never the first:
  that is on disk before the file has its name);
- zeros (JSON cannot hold one) where the file's length, or a later block of it, reached the
  disk before a block did. They begin at the line or at a sector, and end at a sector or with
  the file; whole lines may follow, but none whose `after` says that the lost one was on disk.

Everything else that does not fit is damage: a line with another checksum, zeros in between,
a whole line that proves that what is missing was acknowledged.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from drydockd.store.codec import MESSAGES, Document
from drydockd.store.damage import Damage
from drydockd.store.format import FORMAT, newer

# The op that says several messages of one task.
SAID = "said"
_CHECKSUM_BYTES = 8
_SHORTEST = _CHECKSUM_BYTES + len(" {}")
_ZEROS = re.compile(rb"\0+")
# The smallest piece a disk writes at once.
_SECTOR = 512


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: whose journal, and the number its lines continue from.

    `origin`: when the store began, in microseconds; 0 in format 1. `format` is what was read;
    today's is written.
    """

    store_id: str
    after: int
    origin: int = 0
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Line:
    """One atomic write, as read back; `end` is the offset behind its newline."""

    seq: int
    ops: list[list[Any]]
    offset: int
    end: int


def encode_header(header: Header) -> bytes:
    document = {
        "journal": "drydock",
        "format": FORMAT,
        "store": header.store_id,
        "origin": header.origin,
        "after": header.after,
    }
    return _line(orjson.dumps(document))


def encode_write(seq: int, ops: bytes, after: int) -> bytes:
    """Return the line of the write `seq`, appended when all up to `after` were on disk.

    `ops` are its encoded ops, joined by commas.
    """
    if after == seq - 1:
        return _line(b'{"seq":%d,"ops":[%b]}' % (seq, ops))
    return _line(b'{"seq":%d,"after":%d,"ops":[%b]}' % (seq, after, ops))


def _line(document: bytes) -> bytes:
    return b"%08x %b\n" % (zlib.crc32(document), document)


def encode_ops(ops: Iterable[tuple[str, str, Any, bytes]]) -> bytes:
    """Return staging ops as they stand in a line."""
    parts: list[bytes] = []
    said: tuple[bytes, ...] | None = None
    for table, key, row, document in ops:
        if row is None:
            parts.append(b'["-%b",%b]' % (table.encode(), orjson.dumps(key)))
        elif not isinstance(row, tuple):
            parts.append(b'["%b",%b]' % (table.encode(), document))
        elif row is said:
            parts.append(b'["said",%b]' % document)
        else:
            said = row
            parts.append(b'["said",%b,"messages":[%b]}]' % (document[:-1], _documents(row)))
    return b",".join(parts)


def _documents(tails: Iterable[bytes]) -> bytes:
    return b",".join([b'{"error":' + tail for tail in tails])


def spread(ops: Iterable[list[Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the ops of a line, each message as one of its own, wherever it stood.

    Raises KeyError, TypeError, ValueError for what was never written.
    """
    said: list[Document] | None = None
    for name, value in ops:
        if name != SAID:
            yield name, value
            continue
        said = value.get("messages", said)
        for seq, message in enumerate(said or _nothing_said(), value["after"] + 1):
            yield MESSAGES, {"task_id": value["task_id"], "seq": seq, **message}


def _nothing_said() -> list[Document]:
    raise ValueError("nothing was said before")


class Journal:
    """What one journal file says. Reading it raises Damage.

    What a power cut left of the last append is counted in `torn_bytes`.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self._content = content
        self.torn_bytes = 0
        self.end = 0
        self.header = self._read_header()

    def _read_header(self) -> Header:
        document = self._document_at(0)
        if document is None:
            # A journal has its name only when its first line is on disk: see journal.create.
            what = (
                "its first line is not there"
                if self._content.strip(b"\0")
                else _gone(self._content)
            )
            raise Damage(self.path, 0, f"{what}; no power cut does that")
        if document.get("journal") != "drydock":
            raise Damage(self.path, 0, "its first line is not that of a journal")
        if document["format"] > FORMAT:
            raise newer(self.path, document["format"])
        return Header(
            document["store"], document["after"], document.get("origin", 0), document["format"]
        )

    def writes(self) -> Iterator[Line]:
        """The writes in order; contiguous numbers from ``header.after + 1``."""
        expected = self.header.after + 1
        while True:
            offset = self.end
            document = self._document_at(offset, expected)
            if document is None:
                return
            if document.get("seq") != expected:
                self.end = offset
                raise Damage(
                    self.path,
                    offset,
                    f"write {expected} should follow, found {document.get('seq')}",
                )
            yield Line(expected, document["ops"], offset, self.end)
            expected += 1

    def _document_at(self, offset: int, seq: int = 0) -> dict[str, Any] | None:
        """Return the line's document and move `end` behind it; None at the end.

        `seq` is the write that should stand there.
        """
        content = self._content
        newline = content.find(b"\n", offset)
        if newline < 0:
            self._check_tail(offset)
            return None
        document = verified(content[offset:newline])
        if document is None:
            if not (seq and self._is_torn(offset, seq)):
                raise Damage(self.path, offset, "the line does not match its checksum")
            self.torn_bytes = len(content) - offset
            return None
        self.end = newline + 1
        return document

    def _check_tail(self, offset: int) -> None:
        tail = self._content[offset:]
        # A zero in the place of the newline: a length that reached the disk before it.
        if tail and tail[-1] and verified(tail[:-1]) is not None:
            raise Damage(self.path, offset, "the line is whole, but for its newline")
        self.torn_bytes = len(tail)

    def _is_torn(self, offset: int, seq: int) -> bool:
        """Is what stands from `offset` on the rest of the append that began with write `seq`?"""
        content, start = self._content, offset
        while (newline := content.find(b"\n", start)) >= 0:
            document = verified(content[start:newline])
            if document is None:
                if not self._has_hole(start, newline):
                    return False
            elif document.get("after", document.get("seq", 0) - 1) >= seq:
                return False
            start = newline + 1
        return True

    def _has_hole(self, start: int, end: int) -> bool:
        """Does the line lack whole sectors, or all of them from its start?"""
        holes = [found.span() for found in _ZEROS.finditer(self._content, start, end)]
        return bool(holes) and all(
            (first == start or first % _SECTOR == 0) and last % _SECTOR == 0
            for first, last in holes
        )


def _gone(content: bytes) -> str:
    return f"all of its {len(content)} bytes are zero" if content else "it is empty"


def verified(line: bytes) -> dict[str, Any] | None:
    """Return the document of a line without its newline, None if it is not what was written."""
    if len(line) < _SHORTEST or line[_CHECKSUM_BYTES] != 0x20:
        return None
    document = line[_CHECKSUM_BYTES + 1 :]
    if b"%08x" % zlib.crc32(document) != line[:_CHECKSUM_BYTES]:
        return None
    try:
        found = orjson.loads(document)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
