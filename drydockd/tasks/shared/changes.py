"""Wakes those who wait for a record to change; keeps the latest changes for late readers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from drydockd.model import BootAction, Message, Record, Task
from drydockd.store.base import Store


@dataclass(frozen=True, slots=True)
class Change:
    """One new value of a record; `id` is the moment it became visible, in microseconds."""

    id: int
    record: Task | Message


class Changes:
    """The one watcher of the store, for everything in this part that waits.

    Ids of changes grow strictly, over restarts too as long as the clock is not set back.
    """

    def __init__(self, store: Store, history: int) -> None:
        self.recent: deque[Change] = deque(maxlen=history)
        self._last_id = 0
        self._tasks: dict[str, set[asyncio.Event]] = {}
        self._nodes: dict[str, set[asyncio.Event]] = {}
        self._listeners: set[Callable[[Change], None]] = set()
        self._unwatch = store.watch(self._seen)

    def close(self) -> None:
        self._unwatch()

    @contextmanager
    def task(self, task_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each change of the task or its messages."""
        yield from _waiter(self._tasks, task_id)

    @contextmanager
    def node(self, name: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each change of the node's boot actions."""
        yield from _waiter(self._nodes, name)

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with every change of a task or message; return the unsubscriber."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def _seen(self, seq: int, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, Task | Message):
                self._changed(record)
            elif isinstance(record, BootAction):
                for event in self._nodes.get(record.node, ()):
                    event.set()

    def _changed(self, record: Task | Message) -> None:
        self._last_id = max(self._last_id + 1, time.time_ns() // 1000)
        change = Change(self._last_id, record)
        self.recent.append(change)
        for event in self._tasks.get(record.task_id, ()):
            event.set()
        for listener in tuple(self._listeners):
            listener(change)


def _waiter(waiters: dict[str, set[asyncio.Event]], key: str) -> Iterator[asyncio.Event]:
    event = asyncio.Event()
    waiters.setdefault(key, set()).add(event)
    try:
        yield event
    finally:
        waiters[key].discard(event)
        if not waiters[key]:
            del waiters[key]
