"""Changes become batches: evaluated at once, on the newest state, all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Any

from drydockd.errors import NotFound
from drydockd.model import BuildData, Message, Task, Timestamp, new_id, timestamp
from drydockd.store import codec
from drydockd.store.base import Change, Edit, Put, Remove, Say
from drydockd.store.codec import MESSAGES, TABLES, BuildRow, Row
from drydockd.store.guard import check_replacement
from drydockd.store.named import blobs_named
from drydockd.store.news import News, Spoken, Wording
from drydockd.store.tables import Tables

# (table, key, row, its document): a row to put; row None: to remove. For a message the row
# is what memory keeps of it; several of one task may be one op (see codec.said_document).
Op = tuple[str, str, "Row | bytes | tuple[bytes, ...] | None", bytes]

_ABSENT: Any = object()
# So many removals land in one turn of the loop: 3 ms or less.
SLICE = 256


class Batch:
    """One write: what it does to the tables, to the disk, and what watchers are told."""

    __slots__ = (
        *("_moment", "_puts", "_said", "blobs", "changes"),
        *("counts", "is_long", "missed", "news", "ops", "rows"),
    )

    def __init__(self, changes: Sequence[Change] = ()) -> None:
        self.changes = changes
        self._moment = ""
        self._puts: dict[tuple[str, str], int] = {}  # where in ops; encoded last
        self._said: dict[Wording, tuple[bytes, ...]] = {}
        self.is_long = False  # removals only, so many that they land in slices
        self.missed = set[str]()  # of removals: tasks that others removed before
        self.ops: list[Op] = []
        self.news = News()
        self.blobs: dict[str, bytes] = {}
        self.rows: dict[tuple[str, str], Row | None] = {}
        self.counts: dict[str, int] = {}

    def moment(self) -> Timestamp:
        """When it was made: the time of its messages that have none of their own."""
        self._moment = self._moment or timestamp()
        return self._moment

    def said(self, wording: Wording) -> tuple[bytes, ...]:
        """Return what memory keeps of a wording, made once: the same for whoever says it."""
        said = self._said.get(wording)
        if said is None:
            time = self.moment().encode("ascii")
            said = tuple([head + time + rest for head, rest in wording.encoded])
            self._said[wording] = said
        return said

    def put(self, table: str, key: str, row: Row) -> None:
        """Put a row, in the place of the one that this write has put before, if it has.

        So the start and the end of a task in one write are one row.
        """
        at = self._puts.setdefault((table, key), len(self.ops))
        self.ops[at : at + 1] = [(table, key, row, b"")]
        self.rows[table, key] = row

    def encode(self) -> None:
        """Encode what was put. Raises InvalidInput."""
        for (table, key), at in self._puts.items():
            row: Any = self.ops[at][2]
            self.ops[at] = (table, key, row, codec.encode_row(table, row))
        self._puts.clear()

    def remove(self, table: str, key: str) -> None:
        self.encode()  # what is put from now on comes after this
        self.ops.append((table, key, None, b""))
        self.rows[table, key] = None
        if table == "tasks":
            self.counts[key] = 0


def apply(ops: Sequence[Op], tables: Tables, seq: int) -> None:
    """Do to `tables` what the write `seq` does."""
    for table, key, row, _ in ops:
        if row is None:
            tables.remove(table, key)
        elif isinstance(row, bytes):
            tables.append_message(key, row)
        elif isinstance(row, tuple):
            tables.append_messages(key, row)
        else:
            tables.put(table, key, row, seq)


class Staging:
    """Evaluates writes on top of those still on their way to disk.

    `stage` adds a batch on top, `landed` takes the oldest off once it is in the tables,
    and `forget` drops all that are on their way, as a failed disk write does.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        # Newest value still on its way, and the batch it came with.
        self._rows: dict[tuple[str, str], tuple[Row | None, Batch]] = {}
        self._counts: dict[str, tuple[int, Batch]] = {}
        # Long removals on their way; what is in the two above is newer.
        self._leaving: dict[Batch, Set[tuple[str, str]]] = {}

    def stage(self, changes: Sequence[Change]) -> Batch:
        """Return `changes` as a batch.

        Raises Conflict, NotFound, InvalidInput, and what an edit raises; then nothing is staged.
        """
        batch = Batch(changes)
        spoken_of: dict[str, None] = {}
        for change in changes:
            if isinstance(change, Put):
                if isinstance(change.record, Message):
                    self._stage_message(batch, change.record)
                    spoken_of[change.record.task_id] = None
                else:
                    self._stage_put(batch, change.record)
            elif isinstance(change, Edit):
                self._stage_edit(batch, change)
            elif isinstance(change, Say):
                self._stage_wording(batch, change)
                spoken_of[change.task_id] = None
            else:
                self._stage_remove(batch, change)
        for task_id in spoken_of:
            if self._newest(batch, "tasks", task_id) is None:
                raise NotFound(f"no task {task_id} to add a message to")
        batch.encode()
        self._note(batch)
        return batch

    def remove(self, ops: list[Op], places: Set[tuple[str, str]]) -> Batch:
        """Return a batch of removals of rows there are; `places`: theirs, if it is long.

        A long one costs its stage nothing: a tree may have 30,000 records.
        """
        batch = Batch()
        batch.ops = ops
        batch.is_long = bool(places)
        if batch.is_long:
            for place in [place for place in self._rows if place in places]:
                del self._rows[place]
            for task_id in [key for key in self._counts if ("tasks", key) in places]:
                del self._counts[task_id]
            self._leaving[batch] = places
        else:
            batch.rows = {(table, key): None for table, key, _, _ in ops}
            batch.counts = {key: 0 for table, key, _, _ in ops if table == "tasks"}
            self._note(batch)
        return batch

    def landed(self, batch: Batch, ops: Sequence[Op]) -> None:
        """Take `ops` of `batch` off: they are in the tables now. All of a long one."""
        if batch.is_long:
            self._leaving.pop(batch, None)
            return
        rows, counts = self._rows, self._counts
        for table, key, _, _ in ops:
            if table != MESSAGES and rows.get((table, key), _NOWHERE)[1] is batch:
                del rows[table, key]
            if key in counts and counts[key][1] is batch:
                del counts[key]

    def forget(self) -> None:
        self._rows.clear()
        self._counts.clear()
        self._leaving.clear()

    def again(self, batch: Batch) -> None:
        """Put a batch on top once more, as it is, after `forget`."""
        if batch.is_long:
            self._leaving[batch] = {op[:2] for op in batch.ops}
        else:
            self._note(batch)

    def builds_on(self, ops: Sequence[Op]) -> bool:
        """Is there something on its way that was evaluated on what `ops` replace or remove?"""
        for table, key, row, _ in ops:
            if table == MESSAGES:
                continue
            if (table, key) in self._rows or (self._leaving and self._is_leaving(table, key)):
                return True
            if row is None and table == "tasks" and key in self._counts:
                return True
        return False

    def is_empty(self) -> bool:
        return not (self._rows or self._counts or self._leaving)

    def tasks(self) -> list[Task]:
        """The tasks on their way."""
        return [row for row, _ in self._rows.values() if isinstance(row, Task)]

    def names_blob(self, digest: str) -> bool:
        """Is there a row on its way that names this blob?"""
        return any(digest in blobs_named(row) for row, _ in self._rows.values())

    def _note(self, batch: Batch) -> None:
        for place, row in batch.rows.items():
            self._rows[place] = (row, batch)
        for task_id, count in batch.counts.items():
            self._counts[task_id] = (count, batch)

    def _newest(self, batch: Batch, table: str, key: str) -> Any:
        row = batch.rows.get((table, key), _ABSENT)
        if row is not _ABSENT:
            return row
        on_its_way = self._rows.get((table, key))
        if on_its_way:
            return on_its_way[0]
        if self._leaving and self._is_leaving(table, key):
            return None
        return self._tables.rows[table].get(key)

    def _is_leaving(self, table: str, key: str) -> bool:
        return any((table, key) in places for places in self._leaving.values())

    def _message_count(self, batch: Batch, task_id: str) -> int:
        if task_id in batch.counts:
            return batch.counts[task_id]
        on_its_way = self._counts.get(task_id)
        if on_its_way is not None:
            return on_its_way[0]
        if self._leaving and self._is_leaving("tasks", task_id):
            return 0
        log = self._tables.logs.get(task_id)
        return len(log.tails) if log else 0

    def _stage_message(self, batch: Batch, message: Message) -> None:
        seq = self._message_count(batch, message.task_id) + 1
        message = Message(
            message.task_id,
            message.message,
            message.error,
            message.context_type,
            message.context,
            message.ts or batch.moment(),
            message.extra,
            seq,
        )
        tail = codec.encode_message(message)
        document = codec.message_document(message.task_id, seq, tail)
        batch.ops.append((MESSAGES, message.task_id, tail, document))
        batch.counts[message.task_id] = seq
        batch.news.parts.append(message)

    def _stage_wording(self, batch: Batch, change: Say) -> None:
        task_id, wording = change.task_id, change.wording
        if not wording.encoded:
            return
        after = self._message_count(batch, task_id)
        said = batch.said(wording)
        batch.ops.append((MESSAGES, task_id, said, codec.said_document(task_id, after)))
        batch.counts[task_id] = after + len(said)
        batch.news.parts.append(Spoken(task_id, wording, after, batch.moment()))

    def _stage_put(self, batch: Batch, record: Any) -> None:
        row: Any = record
        if isinstance(record, BuildData):
            record, row = self._build_row(batch, record)
        table = TABLES[type(record)]
        key = codec.key_of(table, row)
        old = self._newest(batch, table, key)
        if old is not None:
            check_replacement(old, row)
        batch.put(table, key, row)
        batch.news.parts.append(record)

    @staticmethod
    def _build_row(batch: Batch, record: BuildData) -> tuple[BuildData, BuildRow]:
        if not record.build_data_id:
            record = replace(record, build_data_id=new_id())
        if len(record.data_element) * 4 <= codec.BLOB_OVER_BYTES:
            return record, BuildRow(record)
        element = codec.element_bytes(record)
        if len(element) <= codec.BLOB_OVER_BYTES:
            return record, BuildRow(record)
        digest = hashlib.sha256(element).hexdigest()
        batch.blobs[digest] = element
        return record, codec.without_element(record, digest)

    def _stage_edit(self, batch: Batch, change: Any) -> None:
        table = TABLES[change.kind]
        old = self._newest(batch, table, change.key)
        if old is None:
            raise NotFound(f"no {table} record {change.key}")
        new = change.edit(old)
        if new is old:
            return
        if type(new) is not change.kind or codec.key_of(table, new) != change.key:
            raise TypeError(f"the edit of {table} {change.key} returned another record: {new!r}")
        check_replacement(old, new)
        batch.put(table, change.key, new)
        batch.news.parts.append(new)

    def _stage_remove(self, batch: Batch, change: Remove) -> None:
        table = TABLES[change.kind]
        has_messages = table == "tasks" and change.key in batch.counts
        if has_messages or self._newest(batch, table, change.key) is not None:
            batch.remove(table, change.key)


_NOWHERE: Any = (None, None)
