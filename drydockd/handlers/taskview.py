"""Tasks as JSON: the Task object of contract, tasks, section 1, and its layered form."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from drydockd.design import nodefilter
from drydockd.errors import NotFound
from drydockd.handlers.builddata import build_data_parts
from drydockd.handlers.parts import Part
from drydockd.model import Message, Task
from drydockd.store.base import Store
from drydockd.store.news import News, Talk

KEPT_BYTES = 16 << 20
# To look through a slice of a walk costs as much as to encode so many tasks or messages.
LOOKED = 200
# A task with more messages is made piece by piece.
LONG = 500
# Of tasks with so many messages those that were encoded stay so: of a task of thousands of
# nodes there are thousands, and each new one makes its record another one.
MANY_MESSAGES = 64

# In the JSON of a task without its messages: the place for them. In a text there would be
# backslashes before these quotes, and nothing before it in the object is the caller's.
NO_MESSAGES = b'"messageList":[]'

# What changes what is shown of a task.
TOLD = Task | Talk
# Some JSON, and how many records were encoded for it.
Piece = tuple[bytes, int]
# A list of messages, or its JSON.
Said = list[dict[str, object]] | orjson.Fragment


def task_json(store: Store, task: Task, said: Said | None = None) -> dict[str, object]:
    """Return the Task object with its messages. Source: contract, tasks, section 1.

    `said`: its messages, if they are at hand already.
    """
    shown: dict[str, object] = {
        "kind": "Task",
        "apiVersion": "v1",
        "task_id": task.task_id,
        "action": task.action,
        "parent_task_id": task.parent_task_id,
        "design_ref": task.design_ref,
        "status": task.status,
        "result": result_json(store, task, said),
        "node_filter": _node_filter(task),
        "subtask_id_list": store.subtask_ids(task.task_id),
        "created": task.created,
        "created_by": task.created_by,
        "updated": task.updated or task.created,
        "terminated": task.terminated,
        "terminated_by": task.terminated_by,
        "terminate": task.terminate,
        "retry": task.retry,
    }
    if task.retry_of:
        shown["retry_of"] = task.retry_of
    if task.retried_by:
        shown["retried_by"] = list(task.retried_by)
    return shown


def _node_filter(task: Task) -> Mapping[str, Any] | None:
    if task.node_filter is None and task.parent_task_id and task.scope:
        return nodefilter.by_names(task.scope)
    return task.node_filter


def result_json(store: Store, task: Task, said: Said | None = None) -> dict[str, object]:
    result = task.result
    if said is None:
        said = [message_json(message) for message in store.messages(task.task_id)]
    return {
        "kind": "Status",
        "apiVersion": "v1.0",
        "metadata": {},
        "message": result.message,
        "reason": result.reason,
        "status": result.status,
        "successes": list(result.successes),
        "failures": list(result.failures),
        "links": [{"rel": link.rel, "href": link.href} for link in result.links],
        "details": {
            "errorCount": store.error_count(task.task_id),
            "messageList": said,
        },
    }


def message_json(message: Message) -> dict[str, object]:
    return {
        "message": message.message,
        "error": message.error,
        "context_type": message.context_type,
        "context": message.context,
        "ts": message.ts,
        "extra": message.extra,
    }


class TaskViews:
    """Encodes tasks. Keeps each task's JSON until the task or its messages change.

    Of a task with many messages, theirs is kept longer and only added to.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        # Task -> how many messages are encoded, and their JSON.
        self._said: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._bytes = 0
        self._unwatch: Callable[[], None] = store.watch(self._changed)

    def close(self) -> None:
        self._unwatch()

    @property
    def kept_bytes(self) -> int:
        return self._bytes

    def encoded(self, task: Task) -> bytes:
        """Return the Task object of `task`, which is the store's current one, as JSON."""
        kept = self._kept.get(task.task_id)
        if kept is None:
            said = self._messages(task.task_id)
            kept = orjson.dumps(task_json(self._store, task, said))
            self._keep(task.task_id, kept)
            self._make_room()
        return kept

    def _messages(self, task_id: str, limit: int | None = None) -> orjson.Fragment:
        """Return the JSON of all messages; only those not seen before are read and encoded.

        `limit`: of these not more.
        """
        count, said = self._said.pop(task_id, (0, b"[]"))
        self._bytes -= len(said) if count else 0
        new = [message_json(m) for m in self._store.messages(task_id, after=count, limit=limit)]
        if new:
            added = orjson.dumps(new)
            said = said[:-1] + b"," + added[1:] if count else added
            count += len(new)
        if count >= MANY_MESSAGES:
            self._said[task_id] = (count, said)
            self._bytes += len(said)
        return orjson.Fragment(said)

    def _make_room(self) -> None:
        while self._bytes > KEPT_BYTES and self._kept:
            self._bytes -= len(self._kept.popitem(last=False)[1])
        while self._bytes > KEPT_BYTES:
            self._bytes -= len(self._said.popitem(last=False)[1][1])

    async def listed(self, slices: Iterable[Sequence[Task]]) -> AsyncGenerator[bytes, None]:
        """Yield the JSON array of the tasks of `slices` in parts, some of them empty.

        Each part is the work of one turn: whoever takes it lets others run before the next.
        A task that changed meanwhile is shown as it is now; one that was purged is left out.
        """
        part, lead = Part(), b"["
        for tasks in slices:
            if part.add(b"", LOOKED):
                yield part.take()
            for task in tasks:
                if task.task_id not in self._kept and not self._exists(task.task_id):
                    continue
                for piece, records in self._pieces(task):
                    if part.add(lead + piece, records):
                        yield part.take()
                    lead = b""
                lead = b","
        part.add(b"[]" if lead == b"[" else b"]")
        yield part.take()

    async def shown(
        self, task: Task, *, layers: int = 0, builddata: bool = False, errors: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Yield one task as GET tasks/<id> answers it, in parts like those of `listed`.

        Source: contract, api, section 4.4.
        """
        if layers == 0 and not builddata and not errors:
            while (left := self._unsaid(task.task_id)) > LONG:
                # Some of the messages of a long task; there may be no room to keep them.
                self._messages(task.task_id, LONG)
                self._make_room()
                yield b""
                if self._unsaid(task.task_id) >= left:
                    break
            else:
                yield self.encoded(self._current(task))
                return
        part = Part()
        async for piece, records in self._document(task, layers, builddata, errors):
            if part.add(piece, records):
                yield part.take()
        yield part.take()

    def _unsaid(self, task_id: str) -> int:
        """How many messages are yet to be encoded."""
        if task_id in self._kept:
            return 0
        return self._store.message_count(task_id) - self._said.get(task_id, (0, b""))[0]

    async def _document(
        self, top: Task, layers: int, builddata: bool, errors: bool
    ) -> AsyncGenerator[Piece, None]:
        if layers:
            yield b'{"init_task_id":' + orjson.dumps(top.task_id), 0
        for task in self._tree(top, layers) if layers else [top]:
            if task is None:
                yield b"", LOOKED
                continue
            if layers:
                yield b"," + orjson.dumps(task.task_id) + b":", 0
            for piece in _without_brace(self._pieces(task)):
                yield piece
            if builddata:
                yield b',"build_data":', 0
                async for part in build_data_parts(
                    self._store.walk_build_data(task_id=task.task_id)
                ):
                    yield part, 0
            if layers:
                yield b"}", 0
        if errors:
            for piece in self._errors_below(top):
                yield piece
        yield b"}", 0

    def _pieces(self, task: Task) -> Iterable[Piece]:
        """Return a task as it is now, or as it was when it was purged, in pieces."""
        kept = self._kept.get(task.task_id)
        return self._fresh(task) if kept is None else ((kept, 0),)

    def _fresh(self, task: Task) -> Iterator[Piece]:
        task = self._current(task)
        unsaid = self._unsaid(task.task_id)
        if unsaid > LONG:
            short = orjson.dumps(task_json(self._store, task, []))
            yield from self._with_messages(task.task_id, short)
            return
        said = self._messages(task.task_id) if task.task_id in self._said else None
        encoded = orjson.dumps(task_json(self._store, task, said))
        self._make_room()
        self._keep_if_room(task.task_id, encoded)
        yield encoded, 1 + unsaid

    def _with_messages(self, task_id: str, short: bytes) -> Iterator[Piece]:
        """Put the messages of a task into its JSON without them, some at a time."""
        head, tail = short.split(NO_MESSAGES, 1)
        yield head + NO_MESSAGES[:-1], 1
        count = self._store.message_count(task_id)
        for after in range(0, count, LONG):
            found = self._store.messages(task_id, after=after, limit=min(LONG, count - after))
            if not found:
                break  # purged
            some = orjson.dumps([message_json(message) for message in found])[1:-1]
            yield b"," + some if after else some, len(found)
        yield b"]" + tail, 0

    def _current(self, task: Task) -> Task:
        try:
            return self._store.task(task.task_id)
        except NotFound:
            return task

    def _keep(self, task_id: str, encoded: bytes) -> None:
        self._kept[task_id] = encoded
        self._bytes += len(encoded)

    def _keep_if_room(self, task_id: str, encoded: bytes) -> None:
        """Keep a task of a list, but turn none out: a list longer than the room would find none."""
        if self._bytes + len(encoded) > KEPT_BYTES:
            self._forget_purged()
        if self._bytes + len(encoded) <= KEPT_BYTES:
            self._keep(task_id, encoded)

    def _forget_purged(self) -> None:
        """Forget what is kept the longest if its task was purged, of which nobody tells."""
        if (task_id := next(iter(self._kept), None)) is not None:
            self._kept.move_to_end(task_id)
            if not self._exists(task_id):
                self._bytes -= len(self._kept.pop(task_id))
        if (task_id := next(iter(self._said), None)) is not None:
            self._said.move_to_end(task_id)
            if not self._exists(task_id):
                self._bytes -= len(self._said.pop(task_id)[1])

    def _exists(self, task_id: str) -> bool:
        try:
            self._store.task(task_id)
        except NotFound:
            return False
        return True

    def _changed(self, seq: int, news: News) -> None:
        for part in news.parts:
            if isinstance(part, TOLD):
                self._forget(part.task_id)
            if isinstance(part, Task) and part.parent_task_id:
                self._forget(part.parent_task_id)  # it may be a new subtask

    def _forget(self, task_id: str) -> None:
        self._bytes -= len(self._kept.pop(task_id, b""))

    def _tree(self, top: Task, layers: int) -> Iterator[Task | None]:
        """Yield `top` and what is below it, `layers` deep (-1: all), level by level.

        None: it has looked at LOOKED tasks, there may be tens of thousands.
        """
        level = [top]
        depth = 1 if layers < -1 else layers
        yield top
        while level and depth != 1:
            below: list[Task] = []
            for number, task in enumerate(level, 1):
                subtasks = self._store.subtasks(task.task_id)
                below += subtasks
                yield from subtasks
                if number % LOOKED == 0:
                    yield None
            level, depth = below, depth - 1

    def _errors_below(self, top: Task) -> Iterator[Piece]:
        lead = b',"subtask_errors":{'
        for task in self._tree(top, -1):
            if task is None:
                yield b"", LOOKED
                continue
            if task is top or not self._store.error_count(task.task_id):
                continue
            result = {**result_json(self._store, task, []), "task_id": task.task_id}
            yield lead + orjson.dumps(task.task_id) + b":", 0
            yield from self._with_messages(task.task_id, orjson.dumps(result))
            lead = b","
        yield (lead if lead != b"," else b"") + b"}", 0


def _without_brace(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Leave the brace at the end of an object off: there is more to come."""
    before: Piece | None = None
    for piece in pieces:
        if before is not None:
            yield before
        before = piece
    if before is not None:
        yield before[0][:-1], before[1]
