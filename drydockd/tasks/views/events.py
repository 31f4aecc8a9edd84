"""The events of one task tree, for those who watch it live."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from drydockd.errors import NotFound
from drydockd.model import Message, Task
from drydockd.store.base import Store
from drydockd.tasks.shared.changes import Change, Changes
from drydockd.tasks.words.requests import Event

# How far back the store is searched beyond a reader's last event: records become visible a
# little after their time stamp.
SLACK_MICROSECONDS = 5_000_000


class TooSlow(Exception):
    """The reader did not keep up and was dropped; it may come back with its last event id."""


class EventStream:
    """An iterator over the events of the tree of `root`; ends after the root's final state.

    Without `after` it begins with the whole tree as it is. With the id of an earlier event
    it begins behind that one: from memory if it is recent, else from the store, where an
    event may come a second time but none is left out. At most `buffer` events wait for the
    reader; one more and the stream raises TooSlow.
    """

    def __init__(
        self, store: Store, changes: Changes, root: str, *, after: int | None = None, buffer: int
    ) -> None:
        self._store = store
        self._changes = changes
        self._root = root
        self._buffer = buffer
        self._waiting: deque[Change] = deque()
        self._news = asyncio.Event()
        self._is_slow = False
        self._tree = {root}
        self._shown: dict[str, tuple[object, ...]] = {}
        self._stop_listening = changes.listen(self._heard)
        try:
            self._replay = deque(self._missed(after))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._stop_listening()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events()

    async def _events(self) -> AsyncIterator[Event]:
        try:
            is_over = self._store.task(self._root).status.is_final
            while self._replay:
                event = self._event(self._replay.popleft())
                if event is not None:
                    yield event
            while True:
                while self._waiting:
                    change = self._waiting.popleft()
                    event = self._event(change)
                    if event is not None:
                        yield event
                    is_over = is_over or self._is_end(change)
                if self._is_slow:
                    raise TooSlow(f"the reader of task {self._root} is too slow")
                if is_over:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self.close()

    def _heard(self, change: Change) -> None:
        record = change.record
        if record.task_id not in self._tree and not self._is_new_member(record):
            return
        if len(self._waiting) >= self._buffer:
            self._is_slow = True
            self.close()
        else:
            self._waiting.append(change)
        self._news.set()

    def _is_new_member(self, record: Task | Message) -> bool:
        if not isinstance(record, Task) or record.parent_task_id not in self._tree:
            return False
        self._tree.add(record.task_id)
        return True

    def _is_end(self, change: Change) -> bool:
        record = change.record
        return isinstance(record, Task) and record.task_id == self._root and record.status.is_final

    # -- what was missed ---------------------------------------------------------------

    def _missed(self, after: int | None) -> list[Change]:
        tasks = self._members()
        self._tree.update(task.task_id for task in tasks)
        recent = self._changes.recent
        if after is not None and recent and recent[0].id <= after:
            return [c for c in recent if c.id > after and c.record.task_id in self._tree]
        since = 0 if after is None else after - SLACK_MICROSECONDS
        changes = [Change(_microseconds(task.updated), task) for task in tasks]
        for task in tasks:
            for message in self._store.messages(task.task_id):
                changes.append(Change(_microseconds(message.ts), message))
        return sorted((c for c in changes if c.id > since), key=_place)

    def _members(self) -> list[Task]:
        """The tree, parents first. Raises NotFound."""
        found = [self._store.task(self._root)]
        for task in found:
            found.extend(self._store.subtasks(task.task_id))
        return found

    # -- what is shown -----------------------------------------------------------------

    def _event(self, change: Change) -> Event | None:
        """Return the event of a change; None for one that shows nothing new."""
        record = change.record
        if isinstance(record, Message):
            return Event(change.id, "message", _message_data(record))
        shown = (record.status, record.result.status, record.retry, len(record.scope))
        if self._shown.get(record.task_id) == shown:
            return None
        self._shown[record.task_id] = shown
        is_leaf = len(record.scope) == 1 and self._has_twin_parent(record)
        return Event(change.id, "node" if is_leaf else "state", _task_data(record))

    def _has_twin_parent(self, task: Task) -> bool:
        """A node's own record: its parent is the step (or the preparation) it belongs to."""
        try:
            parent = self._store.task(task.parent_task_id or "")
        except NotFound:
            return False
        return parent.action == task.action


def _place(change: Change) -> tuple[int, int]:
    record = change.record
    return (change.id, record.seq if isinstance(record, Message) else 0)


def _microseconds(moment: str) -> int:
    stamp = datetime.fromisoformat(moment) if moment else datetime.fromtimestamp(0, UTC)
    return int(stamp.timestamp() * 1_000_000)


def _message_data(message: Message) -> dict[str, object]:
    return {
        "task_id": message.task_id,
        "seq": message.seq,
        "message": message.message,
        "error": message.error,
        "context_type": message.context_type,
        "context": message.context,
        "ts": message.ts,
        "extra": dict(message.extra),
    }


def _task_data(task: Task) -> dict[str, object]:
    data: dict[str, object] = {
        "task_id": task.task_id,
        "parent_task_id": task.parent_task_id,
        "action": task.action.value,
        "status": task.status.value,
        "result": task.result.status.value,
        "retry": task.retry,
        "started": task.started,
        "deadline": task.deadline,
        "updated": task.updated,
    }
    if len(task.scope) == 1:
        data["node"] = task.scope[0]
    else:
        data["nodes"] = len(task.scope)
    return data
