"""The original's records into a store, in writes that are whole: killed and begun again is safe.

What is there already stays as it is: records keep their ids, so a second run finds all of them.
A task comes with its messages; one of very many comes with the first of them, and a later run
goes on behind those that are there. Nothing of the database is held but the batch at hand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import takewhile

from drydockd.errors import NotFound
from drydockd.migrate import queries, rows
from drydockd.migrate.database import Original
from drydockd.migrate.rows import Odd, Row
from drydockd.migrate.tally import Tally
from drydockd.model import (
    BootAction,
    BootContext,
    DriverRecord,
    Message,
    Record,
    Task,
    Timestamp,
)
from drydockd.store.base import Put, Store

# The record that says when this store began to take over, and that it has all of it.
MOMENT_KEY = "migrate/original"
# One write: so many records, or so much of what they hold.
WRITE_RECORDS, WRITE_BYTES = 500, 4 << 20

TASKS, MESSAGES = "tasks", "messages"
CONTEXTS, ACTIONS, BUILD_DATA = "boot keys", "boot actions", "build data"
ABSENT = "the table is not there"
DISPLACED = "others stand where they belong, of a daemon that ran meanwhile"


class Carrier:
    """Carries everything of `original` into `store`; `tally` counts. One for one run."""

    def __init__(self, original: Original, store: Store, now: Timestamp) -> None:
        self.tally = Tally()
        self._original = original
        self._store = store
        known = store.driver_record(MOMENT_KEY)
        self._is_finished = known is not None and bool(known.document.get("finished"))
        # The moment of the first run: what a later one writes is the same as that would have.
        self._moment: Timestamp = str(known.document["began"]) if known else now
        self._waiting: list[Record] = []
        self._waiting_bytes = 0
        self._waiting_tasks: set[str] = set()

    async def run(self) -> None:
        """Carry all kinds; safe to be called again after it was cut off anywhere.

        Raises Unavailable when the database or the disk fails; what was written by then is whole.
        """
        if not self._is_finished:
            await self._note(is_finished=False)
        await self._tasks()
        await self._contexts()
        await self._actions()
        await self._build_data()
        await self._flush()
        if not self._is_finished:
            await self._note(is_finished=True)

    async def _note(self, *, is_finished: bool) -> None:
        document = {"began": self._moment, "finished": is_finished}
        await self._store.write(Put(DriverRecord(MOMENT_KEY, "migrate", document)))

    async def _put(self, record: Record, size: int = 0) -> None:
        self._waiting.append(record)
        self._waiting_bytes += size
        if isinstance(record, Task):
            self._waiting_tasks.add(record.task_id)
        if len(self._waiting) >= WRITE_RECORDS or self._waiting_bytes >= WRITE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        if self._waiting:
            await self._store.write(*map(Put, self._waiting))
        self._waiting.clear()
        self._waiting_tasks.clear()
        self._waiting_bytes = 0

    # -- tasks and their messages

    async def _tasks(self) -> None:
        kind = self.tally[TASKS]
        messages = _Messages(self._original, self.tally)
        async for row in self._original.tasks():
            kind.read += 1
            try:
                task = self._settled(row)
            except Odd as odd:
                self.tally.leave_out(TASKS, str(odd), _named(row["task_id"]))
                await messages.skip(row["place"])
                continue
            await self._task(task, messages.of(row["place"]))
        await self._flush()
        total = await self._original.count(queries.TASKS)
        if kind.read < total:
            self.tally.leave_out(TASKS, "no task above it is there", number=total - kind.read)
            kind.read = total
        await messages.finish()

    def _settled(self, row: Row) -> tuple[Task, Message | None]:
        task = rows.task(row)
        if task.parent_task_id is not None and not self._knows(task.parent_task_id):
            raise Odd("the task above it is not carried")
        settled, last = rows.ended(task, self._moment)
        if last is not None:
            self.tally.note(f"tasks that were {task.status} are ended: nothing of them goes on")
        return settled, last

    def _knows(self, task_id: str) -> bool:
        return task_id in self._waiting_tasks or self._there(task_id)

    def _there(self, task_id: str) -> bool:
        try:
            self._store.task(task_id)
        except NotFound:
            return False
        return True

    async def _task(
        self, settled: tuple[Task, Message | None], messages: AsyncIterator[list[Message]]
    ) -> None:
        task, last = settled
        kind, said = self.tally[TASKS], self.tally[MESSAGES]
        is_there = self._there(task.task_id)
        if is_there:
            kind.there += 1
            if not _is_same(self._store.task(task.task_id), task):
                self.tally.note("tasks that are there already differ from the original's: kept")
        else:
            kind.carried += 1
            await self._put(task)
        known = self._store.message_count(task.task_id) if is_there else 0
        seen, is_same = 0, True
        async for some in messages:
            alike = self._alike(task.task_id, seen, some) if known and is_same else 0
            is_same = is_same and alike == min(len(some), max(known - seen, 0))
            seen += len(some)
            said.there += alike
            if not is_same:
                self.tally.leave_out(MESSAGES, DISPLACED, number=len(some) - alike)
                continue
            said.carried += len(some) - alike
            for message in some[alike:]:
                await self._put(message, len(message.message))
        if last is not None and is_same and seen >= known:
            await self._put(last)

    def _alike(self, task_id: str, after: int, some: list[Message]) -> int:
        """Return how many of `some` stand already behind the first `after` messages."""
        there = self._store.messages(task_id, after=after, limit=len(some))
        pairs = zip(there, some, strict=False)
        return sum(1 for _ in takewhile(lambda pair: _says_same(*pair), pairs))

    # -- what nodes have

    async def _contexts(self) -> None:
        if not self._has(queries.CONTEXTS, CONTEXTS):
            return
        kind = self.tally[CONTEXTS]
        async for row in self._original.contexts():
            kind.read += 1
            try:
                found = rows.deployment(row, self._moment)
            except Odd as odd:
                self.tally.leave_out(CONTEXTS, str(odd), str(row["node_name"]))
                continue
            await self._context(found.context)
            if found.is_destroyed:
                self.tally.note("nodes were destroyed since: their keys are carried as void")
        await self._flush()

    async def _context(self, context: BootContext) -> None:
        kind = self.tally[CONTEXTS]
        try:
            known = self._store.boot_context(context.node)
        except NotFound:
            kind.carried += 1
            await self._put(context)
            if not context.design_ref:
                self.tally.note("nodes can report, but not fetch boot data: their task is gone")
            return
        if known.context_id == context.context_id:
            kind.there += 1
        else:
            self.tally.leave_out(
                CONTEXTS, "drydockd has deployed the node itself since", context.node
            )

    async def _actions(self) -> None:
        if not self._has(queries.ACTIONS, ACTIONS):
            return
        kind = self.tally[ACTIONS]
        async for row in self._original.actions():
            kind.read += 1
            try:
                action = rows.boot_action(row, self._moment)
            except Odd as odd:
                self.tally.leave_out(ACTIONS, str(odd), _named(row["action_id"]))
                continue
            await self._action(action)
        await self._flush()

    async def _action(self, action: BootAction) -> None:
        kind = self.tally[ACTIONS]
        try:
            self._store.boot_action(action.action_id)
        except NotFound:
            kind.carried += 1
            await self._put(self._in_its_context(action))
        else:
            kind.there += 1

    def _in_its_context(self, action: BootAction) -> BootAction:
        """Close an action whose deployment is not, or no more, its node's here."""
        try:
            is_current = self._store.boot_context(action.node).context_id == action.context_id
        except NotFound:
            is_current = False
        if is_current or action.closed is not None:
            return action
        return replace(action, closed=self._moment)

    async def _build_data(self) -> None:
        if not self._has(queries.BUILD_DATA, BUILD_DATA):
            return
        kind = self.tally[BUILD_DATA]
        moment: tuple[str, ...] = ()
        alike: set[str] = set()  # of one moment: rows that say the same stand together
        async for row in self._original.build_data():
            kind.read += 1
            try:
                data = rows.build_data(row)
            except Odd as odd:
                which = f"{row['node_name']} {row['generator']}"
                self.tally.leave_out(BUILD_DATA, str(odd), which)
                continue
            if moment != (moment := (data.node, data.collected, data.generator)):
                alike.clear()
            if data.build_data_id in alike:
                self.tally.leave_out(BUILD_DATA, "the same row twice", " ".join(moment))
                continue
            alike.add(data.build_data_id)
            if self._store.has_build_data(data.build_data_id):
                kind.there += 1
            else:
                kind.carried += 1
                await self._put(data, len(data.data_element))

    def _has(self, table: queries.Table, kind: str) -> bool:
        if not self._original.has(table):
            self.tally.note(f"no {kind} are carried: {ABSENT} (table {table.name})")
        return self._original.has(table)


@dataclass
class _Messages:
    """Walks the messages beside the tasks: both come in one order."""

    original: Original
    tally: Tally
    _rows: AsyncIterator[Row] | None = None
    _next: Row | None = None
    _read: int = 0

    async def of(self, place: int) -> AsyncIterator[list[Message]]:
        """Yield the messages of the task at `place`, some at a time; odd ones are counted."""
        some: list[Message] = []
        async for row in self._at(place):
            try:
                some.append(rows.message(row))
            except Odd as odd:
                which = f"sequence {row['sequence']}"
                self.tally.leave_out(MESSAGES, str(odd), which)
            if len(some) >= WRITE_RECORDS:
                yield some
                some = []
        if some:
            yield some

    async def skip(self, place: int) -> None:
        async for row in self._at(place):
            which = f"sequence {row['sequence']}"
            self.tally.leave_out(MESSAGES, "their task is not carried", which)

    async def finish(self) -> None:
        """Count those that belong to no task that was met."""
        total = 0
        if self.original.has(queries.MESSAGES):
            total = await self.original.count(queries.MESSAGES)
        if total > self._read:
            number = total - self._read
            self.tally.leave_out(MESSAGES, "their task is gone", number=number)
        self.tally[MESSAGES].read = total

    async def _at(self, place: int) -> AsyncIterator[Row]:
        if self._rows is None:
            self._rows = _nothing()
            if self.original.has(queries.MESSAGES):
                self._rows = self.original.messages()
            await self._step()
        while self._next is not None and self._next["place"] == place:
            self._read += 1
            row = self._next
            await self._step()
            yield row

    async def _step(self) -> None:
        assert self._rows is not None  # noqa: S101
        self._next = await anext(self._rows, None)


async def _nothing() -> AsyncIterator[Row]:
    return
    yield


def _is_same(known: Task, task: Task) -> bool:
    """Whether a task that is there is the original's: what a retry adds to it does not count."""
    return replace(known, retried_by=(), lives=0) == replace(task, retried_by=(), lives=0)


def _says_same(known: Message, message: Message) -> bool:
    return replace(known, seq=0) == message


def _named(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
