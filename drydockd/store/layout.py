"""How `drydock.json` is laid out: TinyDB's JSON, one document a line, checksums at its end.

::

    {
    "tasks":{
    "1":{"task_id":"77ad2a44-...","action":"prepare_nodes",...,"arrival":17},
    "2":{...}
    },
    "messages":{
    ...
    },
    "meta":{
    "1":{"format":2,"store":"0b6f...","origin":1767571200000000,"seq":120,"written":"...",
         "chunk_bytes":262144,"checksums":["9ad1f3c2",...],"checksum":"51e20b77"}
    }
    }

(the `meta` document is one line, too). `checksums` are the CRC-32 of each `chunk_bytes` of
everything before ``"meta":{``; `checksum` is that of the meta text before it, so that no
byte of the file can change unseen. Messages stand grouped by task, in sequence. `arrival` is
the number of the write that first put a top-level task.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from drydockd.store.codec import ERROR_MARK, MESSAGES, ROW_CLASSES, encode_row, with_arrival
from drydockd.store.damage import Damage
from drydockd.store.format import FORMAT, newer
from drydockd.store.frozen import Frozen, MessageLog
from drydockd.store.tables import Tables

CHUNK_BYTES = 256 << 10
META_START = b'"meta":{\n"1":'
_CHECKSUM_FIELD = b',"checksum":"'
_END = b'"}\n}\n}\n'
# The order of the tables in the file; parents before what hangs on them.
TABLE_ORDER = ("tasks", MESSAGES, *(name for name in ROW_CLASSES if name != "tasks"))
# Documents encoded between two releases of the interpreter: well under a millisecond.
_SLICE = 100
_FIRST_OF_TASK = b',"seq":1'
assert (len(_FIRST_OF_TASK), len(ERROR_MARK)) == (8, 9)  # noqa: S101 - written out below
_HEAD = b'{"task_id":'
_COMMA, _T = b",t"


@dataclass(frozen=True, slots=True)
class Meta:
    """What a file says about itself: `seq` is the last write it includes.

    `origin`: when the store began, in microseconds; 0 in format 1.
    """

    store_id: str
    seq: int
    written: str
    origin: int = 0
    format: int = FORMAT


# -- writing


def encode_file(frozen: Frozen, meta: Meta) -> Iterator[bytes]:
    """Yield the file of `frozen` in chunks of CHUNK_BYTES, then its meta table."""
    checksums: list[str] = []
    buffer = bytearray()
    for piece in _body(frozen):
        buffer += piece
        while len(buffer) >= CHUNK_BYTES:
            chunk = bytes(memoryview(buffer)[:CHUNK_BYTES])
            del buffer[:CHUNK_BYTES]
            checksums.append(f"{zlib.crc32(chunk):08x}")
            yield chunk
    if buffer:
        checksums.append(f"{zlib.crc32(buffer):08x}")
        yield bytes(buffer)
    yield _encode_meta(meta, checksums)


def _encode_meta(meta: Meta, checksums: list[str]) -> bytes:
    document = {
        "format": meta.format,
        "store": meta.store_id,
        "origin": meta.origin,
        "seq": meta.seq,
        "written": meta.written,
        "chunk_bytes": CHUNK_BYTES,
        "checksums": checksums,
    }
    text = META_START + orjson.dumps(document)[:-1] + _CHECKSUM_FIELD
    return b"%b%08x%b" % (text, zlib.crc32(text), _END)


def _body(frozen: Frozen) -> Iterator[bytes]:
    yield b"{\n"
    for table in TABLE_ORDER:
        yield b'"%b":{\n' % table.encode()
        yield from _message_lines(frozen) if table == MESSAGES else _row_lines(frozen, table)
        yield b"\n},\n"


def _row_lines(frozen: Frozen, table: str) -> Iterator[bytes]:
    number = 0
    for rows in frozen.slices(table, _SLICE):
        documents = [encode_row(table, row) for row in rows]
        if table == "tasks":
            documents = [
                with_arrival(document, frozen.arrival(row.task_id))
                for document, row in zip(documents, rows, strict=True)
            ]
        lines = [b'"%d":%b' % (at, found) for at, found in enumerate(documents, number + 1)]
        yield (b",\n" if number else b"") + b",\n".join(lines)
        number += len(lines)


def _message_lines(frozen: Frozen) -> Iterator[bytes]:
    number = 0
    for task_id, tails in frozen.message_tails():
        name = orjson.dumps(task_id)
        for start in range(0, len(tails), _SLICE):
            lines = [
                b'"%d":{"task_id":%b,"seq":%d,"error":%b' % (number + seq, name, seq, tail)
                for seq, tail in enumerate(tails[start : start + _SLICE], start + 1)
            ]
            yield (b",\n" if number + start else b"") + b",\n".join(lines)
        number += len(tails)


# -- reading


def read_meta(path: Path, content: memoryview) -> tuple[Meta, list[str], int]:
    """Return the meta data, the checksums, and where the meta table starts. Raises Damage."""
    start = find_meta(content)
    if start < 0:
        raise Damage(path, len(content), "its end, with the checksums, is missing")
    text = bytes(content[start:])
    field = text.rfind(_CHECKSUM_FIELD)
    stop = field + len(_CHECKSUM_FIELD)
    if field < 0 or text[stop:] != b"%08x%b" % (zlib.crc32(text[:stop]), _END):
        raise Damage(path, start, "the table of checksums does not match its own")
    document = orjson.loads(text[len(META_START) : field] + b"}")
    if document["format"] > FORMAT:
        raise newer(path, document["format"])
    meta = Meta(
        document["store"],
        document["seq"],
        document["written"],
        document.get("origin", 0),
        document["format"],
    )
    return meta, document["checksums"], start


def find_meta(content: memoryview) -> int:
    """Return where the meta table starts, or -1. It lies at the end, 11 bytes a chunk long."""
    span = 4096 + 16 * (len(content) // CHUNK_BYTES + 1)
    start = max(0, len(content) - span)
    found = bytes(content[start:]).rfind(META_START)
    return -1 if found < 0 else start + found


def bad_chunks(content: memoryview, checksums: list[str], end: int) -> Iterator[int]:
    """Yield the numbers of the chunks of ``content[:end]`` that do not match."""
    for number in range(max(len(checksums), -(-end // CHUNK_BYTES))):
        chunk = content[number * CHUNK_BYTES : min((number + 1) * CHUNK_BYTES, end)]
        if number >= len(checksums) or f"{zlib.crc32(chunk):08x}" != checksums[number]:
            yield number


def check_file(path: Path, content: memoryview) -> tuple[Meta, int]:
    """Return the file's meta data and where its records end. Raises Damage, StoreRefused."""
    meta, checksums, end = read_meta(path, content)
    for number in bad_chunks(content, checksums, end):
        size = min(CHUNK_BYTES, end - number * CHUNK_BYTES)
        raise Damage(path, number * CHUNK_BYTES, f"these {size} bytes do not match their checksum")
    return meta, end


def load_file(path: Path, content: memoryview, tables: Tables) -> Meta:
    """Check the file and put its records into the empty `tables`. Raises Damage, StoreRefused."""
    meta, end = check_file(path, content)
    load_lines(content[:end], tables)
    tables.number_arrivals(meta.seq)
    return meta


def load_lines(content: memoryview, tables: Tables) -> None:
    """Put the records of a checked body into `tables`.

    Messages are not decoded: their bytes are what memory keeps.
    """
    table = ""
    log = MessageLog()
    for lines in _line_blocks(content):
        at = 0
        if table == MESSAGES:
            at = lines.index(b"},") if b"}," in lines else len(lines)
            log = _load_messages(lines[:at], log, tables)
        for number in range(at, len(lines)):
            line = lines[number]
            if line.endswith(b":{"):
                table = line[1:-3].decode()
            elif len(line) < 3:  # the braces around tables
                table = "" if line == b"}," else table
            elif table == MESSAGES:
                log = _load_messages([line], log, tables)
            else:
                document = orjson.loads(line[line.index(b":") + 1 :].rstrip(b","))
                tables.load_document(table, document)


def _load_messages(lines: list[bytes], log: MessageLog, tables: Tables) -> MessageLog:
    """Append message lines to their logs; `log` is where the lines before these went."""
    count = 0
    for line in lines:
        if not line:  # an empty table
            continue
        count += 1
        mark = line.index(ERROR_MARK)
        if line[mark - 8 : mark] == _FIRST_OF_TASK:
            start = line.index(_HEAD) + len(_HEAD)
            log = tables.new_log(orjson.loads(line[start : mark - 8]))
        start = mark + 9
        log.tails.append(line[start:-1] if line[-1] == _COMMA else line[start:])
        if line[start] == _T:
            log.errors += 1
    tables.message_count += count
    return log


def _line_blocks(content: memoryview) -> Iterator[list[bytes]]:
    rest = b""
    for start in range(0, len(content), CHUNK_BYTES):
        lines = (rest + bytes(content[start : start + CHUNK_BYTES])).split(b"\n")
        rest = lines.pop()
        if lines:
            yield lines
    if rest:
        yield [rest]
