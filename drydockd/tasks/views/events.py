"""The events of one task tree, for those who watch it live."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence

from drydockd.model import Message, Task, Timestamp
from drydockd.store.base import Store
from drydockd.tasks.shared.changes import Change, Changes
from drydockd.tasks.views.eventdata import message_data, task_data, task_kind
from drydockd.tasks.words.requests import Event

# So many tasks are read at a time, before others get their turn.
SLICE = 100


# When the next record of one task is, which task, the record, and those behind it.
_Head = tuple[Timestamp, int, Task | Message, Iterator[tuple[Timestamp, Task | Message]]]


class TooSlow(Exception):
    """The reader did not keep up and was dropped; it may come back with its last event id."""


class EventStream:
    """An iterator over the events of the tree of `root`; ends after the root's final state.

    Without `after` it begins with the whole tree as it is. With the id of an earlier event
    it begins behind that one if all that came since is remembered, else, as after a restart,
    with the whole tree again: an event may come a second time, none is left out. Nothing of
    it depends on the clock. The events of the tree as it is bear the reader's own id up to
    the last one, so that who leaves before it begins anew. At most `buffer` events wait for
    the reader; one more and the stream raises TooSlow.
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
        self._told: dict[str, int] = {}
        self._stop_listening = changes.listen(self._heard)
        try:
            members = self._members()
            self._tree.update(task.task_id for task in members)
            self._place = changes.latest_id()
            self._missed = None if after is None else changes.after(after)
            self._first_members, self._after = members, after or 0
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        # It leads back here, as what listens: a ring that only a full collection would find.
        stop, self._stop_listening = self._stop_listening, _is_closed
        stop()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events()

    async def _events(self) -> AsyncIterator[Event]:
        try:
            is_over = self._store.task(self._root).status.is_final
            async for change in self._replay():
                event = self._event(change)
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

    def _replay(self) -> AsyncIterator[Change]:
        """What comes before the news. Kept nowhere: it leads back here."""
        members, missed = self._first_members, self._missed
        self._first_members, self._missed = [], None
        return self._whole(members, self._after) if missed is None else self._remembered(missed)

    async def _remembered(self, missed: Sequence[Change]) -> AsyncIterator[Change]:
        for change in missed:
            if change.record.task_id in self._tree:
                yield change

    async def _whole(self, members: Sequence[Task], after: int) -> AsyncIterator[Change]:
        """The records of the tree in the order of their time stamps, the root's own state last.

        The stamps only make it readable: messages of one task keep their order. Each is read
        when it is its turn: all of a large tree, for each of many readers, would fill the memory.
        """
        heads = list[_Head]()
        for start in range(0, len(members), SLICE):
            for place, task in enumerate(members[start : start + SLICE], start):
                records = self._stamped(task)
                if head := next(records, None):
                    heads.append((head[0], place, head[1], records))
            await asyncio.sleep(0)
        heapq.heapify(heads)
        while heads:
            _, place, record, records = heads[0]
            yield Change(after, record)
            if head := next(records, None):
                heapq.heapreplace(heads, (head[0], place, head[1], records))
            else:
                heapq.heappop(heads)
        yield Change(self._place, members[0])

    def _stamped(self, task: Task) -> Iterator[tuple[Timestamp, Task | Message]]:
        moment, seq = "", 0
        while found := self._store.messages(task.task_id, after=seq, limit=1):
            seq, moment = found[0].seq, max(moment, found[0].ts)
            yield moment, found[0]
        if task.task_id != self._root:
            yield task.updated, task

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
            # It may have come while the tree was read, and then be there a second time.
            if record.seq <= self._told.get(record.task_id, 0):
                return None
            self._told[record.task_id] = record.seq
            return Event(change.id, "message", message_data(record))
        shown = (record.status, record.result.status, record.retry, len(record.scope))
        if self._shown.get(record.task_id) == shown:
            return None
        self._shown[record.task_id] = shown
        return Event(change.id, task_kind(self._store, record), task_data(record))


def _is_closed() -> None:
    """Nothing is listened to any more."""
