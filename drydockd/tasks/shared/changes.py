"""Wakes those who wait for a record to change; keeps the latest changes for late readers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from drydockd.garbage import untrack
from drydockd.model import BootAction, BootContext, Message, Task
from drydockd.store.base import Store
from drydockd.store.news import News, Spoken
from drydockd.tasks.shared.places import end_of, placed


@dataclass(frozen=True, slots=True)
class Change:
    """One new value of a record; `id` says where it stands among all changes of the store."""

    id: int
    record: Task | Message


class Changes:
    """The one watcher of the store, for everything in this part that waits.

    Ids of changes are the numbers of their places (`places`): they come from the number of the
    write and the place in it, so they grow over restarts, whatever the clock does, and are the
    same on every daemon that shares the store. Of a write with more records than there are ids
    the first ones share one.

    Whole writes are kept: the last one, and as many before it as have together with it up to
    `history` records. What they left is taken apart only for who asks: most of it nobody waits for.
    """

    def __init__(self, store: Store, history: int) -> None:
        self._recent: deque[tuple[int, News]] = deque()
        self._left = history
        self._store = store
        self._tasks: dict[str, set[asyncio.Event]] = {}
        self._nodes: dict[str, set[asyncio.Event]] = {}
        self._listeners: set[Callable[[Change], None]] = set()
        self._any: set[asyncio.Event] = set()
        # Of the writes up to this one not all are remembered; whether it left a change that is not.
        self._forgotten_seq, self._has_lost = store.seq, False
        self._unwatch = store.watch(self._seen)

    def close(self) -> None:
        self._unwatch()

    def latest_id(self) -> int:
        """The id that no change so far lies above, and every later one does."""
        return self._last_id(self._store.seq)

    def after(self, change_id: int) -> list[Change] | None:
        """Return all changes behind that one; None when they are not all remembered.

        Behind an id that several share all of them come again: who was told it may have
        missed some.
        """
        if not self._first_kept() <= change_id <= self.latest_id():
            return None
        behind = [change for change in self.recent() if change.id >= change_id]
        is_shared = len(behind) > 1 and behind[1].id == change_id
        return [change for change in behind if is_shared or change.id > change_id]

    def writes(self, after: int) -> list[tuple[int, News]] | None:
        """Return the writes behind the write `after`; None when they are not all remembered."""
        if after < self._forgotten_seq:
            return None
        found = list[tuple[int, News]]()
        for write in reversed(self._recent):
            if write[0] <= after:
                break
            found.append(write)
        found.reverse()
        return found

    @contextmanager
    def any(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each write that left a record."""
        event = asyncio.Event()
        self._any.add(event)
        try:
            yield event
        finally:
            self._any.discard(event)

    def recent(self) -> list[Change]:
        """Return the changes that are remembered, in their order."""
        return [change for seq, news in self._recent for change in self._changes(seq, news)]

    @contextmanager
    def task(self, task_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each change of the task or its messages."""
        yield from _waiter(self._tasks, task_id)

    @contextmanager
    def node(self, name: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each change of the node's boot context or actions."""
        yield from _waiter(self._nodes, name)

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with every change of a task or message; return the unsubscriber."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def _seen(self, seq: int, news: News) -> None:
        self._remember(seq, news)
        for event in self._any:
            event.set()
        if self._tasks or self._nodes:
            for part in news.parts:
                if isinstance(part, Task | Message | Spoken):
                    for event in self._tasks.get(part.task_id, ()):
                        event.set()
                elif isinstance(part, BootAction | BootContext):
                    for event in self._nodes.get(part.node, ()):
                        event.set()
        if self._listeners:
            for change in self._changes(seq, news):
                for listener in tuple(self._listeners):
                    listener(change)

    def _remember(self, seq: int, news: News) -> None:
        write = seq, news
        self._recent.append(write)
        # Half of all that the collector would find new.
        untrack(write, news, news.parts, *news.parts)
        self._left -= len(news)
        if news.leaps:
            # Others gave these changes ids of their own, which are not known here.
            self._forget_up_to(seq)
        while self._left < 0 and len(self._recent) > 1:
            self._forgotten_seq, old = self._recent.popleft()
            self._has_lost = True
            self._left += len(old)

    def _forget_up_to(self, seq: int) -> None:
        self._left += sum(len(old) for _, old in self._recent)
        self._recent.clear()
        self._forgotten_seq, self._has_lost = seq, False

    def _first_kept(self) -> int:
        """The id behind which all changes are remembered, if no write came since: the first such.

        What is forgotten is told by the number of its write: ids are worked out for who asks.
        """
        return self._last_id(self._forgotten_seq) + (1 if self._has_lost else 0)

    def _last_id(self, seq: int) -> int:
        return end_of(self._store.origin, seq).number

    def _changes(self, seq: int, news: News) -> Iterator[Change]:
        for place, record in placed(self._store.origin, seq, news):
            if not isinstance(record, BootAction):
                yield Change(place.number, record)


def _waiter(waiters: dict[str, set[asyncio.Event]], key: str) -> Iterator[asyncio.Event]:
    event = asyncio.Event()
    waiters.setdefault(key, set()).add(event)
    try:
        yield event
    finally:
        waiters[key].discard(event)
        if not waiters[key]:
            del waiters[key]
