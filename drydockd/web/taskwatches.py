"""The tasks that pages look at now: one watch each, however many pages."""

from __future__ import annotations

import asyncio

from jinja2 import Environment

from drydockd.handlers.services import Services
from drydockd.model import Task
from drydockd.tasks import TooSlow
from drydockd.web.taskparts import Parts
from drydockd.web.taskwatch import TaskWatch

# A page in the background closes its stream and comes back: so long it goes on where it was.
LINGER_SECONDS = 60.0
# So many are kept at most that no page follows.
MOST_IDLE = 8


class TaskWatches:
    """One per daemon, event-loop thread only. Ends when the daemon asks long answers to end."""

    def __init__(self, looks: Environment, linger_seconds: float = LINGER_SECONDS) -> None:
        self._parts = Parts(looks)
        self._linger = linger_seconds
        self._watches: dict[str, TaskWatch] = {}
        self._users: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closer: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._watches)

    async def of(self, task: Task, services: Services) -> TaskWatch:
        """Return the watch of a top-level task when it is complete. Raises TooSlow, NotFound."""
        watch = self._watches.get(task.task_id)
        if watch is None or watch.failed is not None:
            if self._closer is None:
                self._closer = asyncio.create_task(self._close_with(services.closing))
            watch = TaskWatch(task, services.tasks, services.store, self._parts, services.slices)
            self._watches[task.task_id] = watch
        self._rest(task.task_id)
        await watch.ready.wait()
        if watch.failed is not None:
            raise TooSlow(str(watch.failed))
        return watch

    def take(self, watch: TaskWatch) -> None:
        """Say that a page follows it, until `leave`."""
        self._users[watch.root_id] = self._users.get(watch.root_id, 0) + 1
        self._stop_timer(watch.root_id)

    def leave(self, watch: TaskWatch) -> None:
        left = self._users.pop(watch.root_id) - 1
        if left:
            self._users[watch.root_id] = left
        else:
            self._rest(watch.root_id)

    async def _close_with(self, closing: asyncio.Event) -> None:
        await closing.wait()
        for root_id in list(self._watches):
            self._end(root_id)
        if self._ending:
            await asyncio.wait(self._ending)

    def _rest(self, root_id: str) -> None:
        """End it after a while unless a page follows it; of many at rest the oldest at once."""
        if root_id in self._users or root_id not in self._watches:
            return
        self._stop_timer(root_id)
        loop = asyncio.get_running_loop()
        self._timers[root_id] = loop.call_later(self._linger, self._end, root_id)
        while len(self._timers) > MOST_IDLE:
            self._end(next(iter(self._timers)))

    def _stop_timer(self, root_id: str) -> None:
        timer = self._timers.pop(root_id, None)
        if timer is not None:
            timer.cancel()

    def _end(self, root_id: str) -> None:
        self._stop_timer(root_id)
        watch = self._watches.pop(root_id, None)
        if watch is not None:
            ending = asyncio.create_task(watch.close(), name=f"end of watching {root_id}")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
