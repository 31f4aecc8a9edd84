"""Writes as rows: batches to what `drydock.write` is given, and rows of others to batches."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from drydockd.model import BuildData, Message, Record
from drydockd.store import codec
from drydockd.store.codec import MESSAGES, BuildRow
from drydockd.store.frozen import MessageLog
from drydockd.store.news import News, Spoken, Unread
from drydockd.store.staging import SLICE, Batch, Op

# What stands before the tail of a message in its document; its task and number are where it is.
_BEGIN = b'{"error":'
_ROW_BYTES = 24
_LINK = struct.Struct(">iqq")
# Of a write, before its chain: member, n, size, microseconds since PostgreSQL's beginning of time.
_HEAD = struct.Struct(">iqiq")
_ANSWERED_HEAD = struct.Struct(">iqiq32s")
_EPOCH = 946_684_800_000_000  # 2000-01-01 in UTC

# (seq, ord, table, key, document); ord -1: the write itself, see sql.HEAD_OF.
Line = Sequence[Any]


class Written(NamedTuple):
    """One write as the database has it. `chain`: if it was told. `lines`: of others' writes."""

    seq: int
    member: int
    n: int
    micros: int
    chain: bytes | None = None
    size: int = 0
    lines: Sequence[Line] = ()


def written(lines: Iterable[Line]) -> list[Written]:
    """Return the writes of lines in their order."""
    found: list[Written] = []
    mine: list[Line] = []
    for line in lines:
        if line[1] >= 0:
            mine.append(line)
        else:
            mine = []
            head = line[4]
            member, n, size, at = _HEAD.unpack_from(head)
            chain = head[_HEAD.size :]
            found.append(Written(line[0], member, n, at + _EPOCH, chain, size, mine))
    return found


def answered(base: int, heads: bytes, lines: Iterable[Sequence[Any]]) -> list[Written]:
    """Return the writes behind `base` of an answer, as sql.WRITE tells of them."""
    told = enumerate(_ANSWERED_HEAD.iter_unpack(heads), base + 1)
    mine: list[list[Line]] = [[] for _ in range(len(heads) // _ANSWERED_HEAD.size)]
    for seq, table, key, doc in lines:
        mine[seq - base - 1].append((seq, 0, table or MESSAGES, key, doc))
    return [
        Written(seq, member, n, at + _EPOCH, chain, size, mine[seq - base - 1])
        for seq, (member, n, size, at, chain) in told
    ]


def link(chain: bytes, write: Written) -> bytes:
    """Return the chain of a write, from that of the one before; as sql.WRITE does."""
    return hashlib.sha256(chain + _LINK.pack(write.member, write.n, write.micros)).digest()


def size(batch: Batch) -> int:
    """Return about how many bytes a batch is on its way."""
    total = 0
    for table, key, row, document in batch.ops:
        if isinstance(row, tuple):
            total += sum(map(len, row)) + len(row) * (len(key) + _ROW_BYTES)
        else:
            total += len(row if isinstance(row, bytes) else document)
            total += len(key) + len(table) + _ROW_BYTES
    return total


class Packed:
    """The arrays of a group of batches, in the order of sql.WRITE's arguments."""

    def __init__(self, batches: Sequence[Batch], sizes: Sequence[int]) -> None:
        self.sizes = list(sizes)
        self._changes: list[tuple[Any, ...]] = []
        self._messages: list[tuple[Any, ...]] = []
        # Where the life of a record begins that this group puts.
        self._born: dict[tuple[str, str], tuple[int, int]] = {}
        for number, batch in enumerate(batches, 1):
            self._add(number, batch.ops)

    def _add(self, number: int, ops: Sequence[Op]) -> None:
        place = 0
        for table, key, row, document in ops:
            if table == MESSAGES:
                tails = row if isinstance(row, tuple) else (row,)
                for tail in tails:
                    self._messages.append((number, place, key, _BEGIN + tail))  # type: ignore[operator]
                    place += 1
                continue
            born = (number, place)
            if row is None:
                self._born.pop((table, key), None)
            else:
                born = self._born.setdefault((table, key), born)
            doc = None if row is None else document
            self._changes.append((number, place, table, key, doc, *born))
            place += 1

    def arguments(self) -> list[list[Any]]:
        changes = [list(column) for column in zip(*self._changes, strict=True)] or [[]] * 7
        messages = [list(column) for column in zip(*self._messages, strict=True)] or [[]] * 4
        return [self.sizes, *changes, *messages]


def messages_of(lines: Sequence[Line]) -> list[tuple[str, bytes]] | None:
    """Return the messages of a write, tasks and what memory keeps; None if it did more."""
    found = []
    for _, _, table, key, doc in lines:
        if table != MESSAGES:
            return None
        found.append((key, tail_of(doc)))
    return found


def foreign(lines: Sequence[Line], logs: dict[str, MessageLog]) -> Batch:
    """Return what another daemon wrote as a batch, to land on top of `logs`."""
    batch = Batch()
    counts: dict[str, int] = {}
    for _, _, table, key, doc in lines:
        if table == MESSAGES:
            tail = tail_of(doc)
            seq = counts[key] = _count(counts, logs, key) + 1
            batch.ops.append((MESSAGES, key, tail, b""))
            batch.news.parts.append(Unread(key, seq, tail))
        elif doc is None:
            batch.ops.append((table, key, None, b""))
            batch.rows[table, key] = None
            if table == "tasks":
                counts[key] = 0
        else:
            row = codec.decode_row(table, orjson.loads(doc))
            batch.ops.append((table, key, row, b""))
            batch.rows[table, key] = row
            batch.news.parts.append(_told(row))
    batch.is_long = len(batch.ops) > SLICE and not batch.news.parts
    return batch


def tail_of(doc: bytes) -> bytes:
    """Return what memory keeps of a message document."""
    return bytes(doc[len(_BEGIN) :])


def settle(batch: Batch, logs: dict[str, MessageLog]) -> None:
    """Let the news of an own write be what all others tell of it, in number and order.

    It lands on top of `logs`: others may have added messages since it was made.
    """
    parts = batch.news.parts
    if not batch.counts and len(parts) == len(batch.ops):
        return
    found: list[Record | Spoken | Unread]
    if len(parts) == len(batch.ops) == 1:  # a message, as most writes are
        found = [_renumbered(parts[0], {}, logs)]  # type: ignore[arg-type]
    else:
        found = _settled(batch, logs)
    batch.news = News()
    batch.news.parts = found


def _settled(batch: Batch, logs: dict[str, MessageLog]) -> list[Record | Spoken | Unread]:
    parts = batch.news.parts
    said = iter([part for part in parts if isinstance(part, Message | Spoken)])
    data = {part.build_data_id: part for part in parts if isinstance(part, BuildData)}
    counts: dict[str, int] = {}
    found: list[Record | Spoken | Unread] = []
    for table, key, row, _ in batch.ops:
        if table == MESSAGES:
            found.append(_renumbered(next(said), counts, logs))
        elif row is None:
            if table == "tasks":
                counts[key] = 0
        else:
            found.append(data.get(key) or _told(row) if table == "build_data" else _told(row))
    return found


def _renumbered(
    part: Message | Spoken, counts: dict[str, int], logs: dict[str, MessageLog]
) -> Message | Spoken:
    after = _count(counts, logs, part.task_id)
    if isinstance(part, Message):
        counts[part.task_id] = after + 1
        return part if part.seq == after + 1 else _with_seq(part, after + 1)
    counts[part.task_id] = after + len(part.wording)
    return part if part.after == after else replace(part, after=after)


def _with_seq(message: Message, seq: int) -> Message:
    """As dataclasses.replace does, at a third of its cost: it is done for nearly each message."""
    return Message(
        message.task_id,
        message.message,
        message.error,
        message.context_type,
        message.context,
        message.ts,
        message.extra,
        seq,
    )


def _count(counts: dict[str, int], logs: dict[str, MessageLog], task_id: str) -> int:
    if task_id in counts:
        return counts[task_id]
    log = logs.get(task_id)
    return len(log.tails) if log else 0


def _told(row: Any) -> Any:
    return row.record if isinstance(row, BuildRow) else row
