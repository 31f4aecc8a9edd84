"""What any daemon wants of top-level tasks, and only the runner does: begin a new one, stop one.

Whoever takes a request writes the root alone: the new task, or its wish to stop. The runner sees
both in the store, whoever wrote them, itself too. So a tree has one writer below its root.
Source: contract, scale, section 4.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from drydockd.errors import Conflict, NotFound
from drydockd.model import Task, Timestamp, timestamp
from drydockd.store.base import Edit, Store
from drydockd.store.news import News
from drydockd.tasks.shared import endings
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.words import states

log = logging.getLogger(__name__)

# So many tasks are asked to stop in one write: 2 ms or less.
SLICE = 100


class Worker(Protocol):
    """What takes top-level tasks to their ends: the scheduler."""

    def begin(self, task: Task) -> None: ...

    def stop(self, task: Task) -> None: ...


class Wishes:
    """Notices and does what is wanted, from `start` to `close`. Only of the runner."""

    def __init__(self, recorder: Recorder, worker: Worker) -> None:
        self._recorder = recorder
        self._store = recorder.store
        self._worker = worker
        self._unwatch: Callable[[], None] = lambda: None
        # By root: its wish is being carried down.
        self._carried: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begin to look; what was wished before is done now. In the turn in which tasks resume."""
        self._unwatch = self._store.watch(self._seen)
        for task in self._store.unfinished():
            self._look_at(task)

    async def close(self) -> None:
        """Look no more. Safe to call twice."""
        self._unwatch()
        carriers = tuple(self._carried.values())
        for carrier in carriers:
            carrier.cancel()
        if carriers:
            await asyncio.wait(carriers)

    def _seen(self, seq: int, news: News) -> None:
        begun = set[str]()
        for part in news.parts:
            if isinstance(part, Task) and part.parent_task_id is None:
                if part.task_id not in begun and self._is_new(part, seq):
                    begun.add(part.task_id)
                    self._worker.begin(self._store.task(part.task_id))
                self._look_at(part)

    def _is_new(self, task: Task, seq: int) -> bool:
        """Whether the write `seq` was the first of it; a write that ended it as well leaves it."""
        try:
            return not task.status.is_final and self._store.arrival(task.task_id) == seq
        except NotFound:
            return False

    def _look_at(self, task: Task) -> None:
        """Carry the wish to stop down, if there is one that was not."""
        is_wish = task.terminate and task.status in states.UNSTOPPED
        if is_wish and task.task_id not in self._carried:
            carrier = asyncio.create_task(self._carry(task), name=f"stop {task.task_id}")
            self._carried[task.task_id] = carrier
            carrier.add_done_callback(partial(self._carried_down, task.task_id))

    async def _carry(self, task: Task) -> None:
        stop = partial(states.stopping, now=timestamp())
        try:
            await self._recorder.write(Edit(Task, task.task_id, stop))
        except (Conflict, NotFound):
            return  # it ended, or was purged, in that very moment
        self._worker.stop(self._store.task(task.task_id))
        await ask_below(self._store, self._recorder.write, task.task_id, task.terminated_by)

    def _carried_down(self, task_id: str, carrier: asyncio.Task[None]) -> None:
        self._carried.pop(task_id, None)
        if not carrier.cancelled() and (error := carrier.exception()) is not None:
            log.critical("task %s cannot be stopped", task_id, exc_info=error)


async def ask_below(
    store: Store, write: Callable[..., Awaitable[None]], task_id: str, user: str | None
) -> None:
    """Ask all unfinished descendants of a task that stops to do so, some in each write.

    There may be ten thousand. Whoever ends before it is asked knows all the same why it ends.
    """
    below = await endings.open_below(store, task_id)
    ask = partial(_asked_if_open, user=user, now=timestamp())
    below.reverse()  # parents first: they take no more subtasks
    for start in range(0, len(below), SLICE):
        with suppress(NotFound):  # all have ended, and were purged
            await write(*[Edit(Task, sub.task_id, ask) for sub in below[start : start + SLICE]])


def _asked_if_open(task: Task, user: str | None, now: Timestamp) -> Task:
    return task if task.status.is_final else states.asked_to_stop(task, user, now)
