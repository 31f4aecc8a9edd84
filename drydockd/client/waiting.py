"""Wait for the end of a task on a server that may hold requests, or not, or restart."""

from __future__ import annotations

import time
from collections.abc import Callable

from drydockd.api.task import Task
from drydockd.client.errors import ClientConnectionError, ClientError, ClientTimeoutError

HOLD_SECONDS = 25
PATIENCE_SECONDS = 60
_FIRST_PAUSE_SECONDS = 0.5


def wait_for(
    ask: Callable[[int], Task],
    timeout: float | None,
    poll_interval: float,
    on_change: Callable[[Task], None] | None,
) -> Task:
    """Return the task when it has ended; `ask` gets it, held for up to so many seconds."""
    wait = _Wait(timeout, poll_interval)
    last: Task | None = None
    hold = 0
    while True:
        started = time.monotonic()
        task = wait.patiently(ask, hold)
        if task is not None:
            if on_change and (last is None or task.status != last.status):
                on_change(task)
            if task.status.is_final:
                return task
            # A server that knows no ``wait`` answers at once, and with the same.
            early = time.monotonic() - started < hold / 2
            wait.pause(needed=task == last and early, task=task)
            last = task
        hold = int(min(HOLD_SECONDS, max(1, wait.left)))


class _Wait:
    """Deadline, pauses that grow, and patience with a server that is away."""

    def __init__(self, timeout: float | None, poll_interval: float) -> None:
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout if timeout is not None else None
        self.longest = max(poll_interval, 0.01)
        self.next_pause = min(_FIRST_PAUSE_SECONDS, self.longest)
        self.away_since: float | None = None

    @property
    def left(self) -> float:
        return HOLD_SECONDS if self.deadline is None else self.deadline - time.monotonic()

    def patiently(self, ask: Callable[[int], Task], hold: int) -> Task | None:
        """Return the task, or None after a pause when the server is away just now."""
        try:
            task = ask(hold)
        except ClientError as error:
            if not isinstance(error, ClientConnectionError) and error.status_code != 503:
                raise
            now = time.monotonic()
            self.away_since = self.away_since or now
            if now - self.away_since > PATIENCE_SECONDS:
                raise
            self.pause(needed=True, task=None)
            return None
        self.away_since = None
        return task

    def pause(self, *, needed: bool, task: Task | None) -> None:
        if self.left <= 0:
            status = f"; it is {task.status}" if task else ""
            raise ClientTimeoutError(f"The task did not end within {self.timeout:g} s{status}")
        if not needed:
            self.next_pause = min(_FIRST_PAUSE_SECONDS, self.longest)
            return
        time.sleep(max(0.0, min(self.next_pause, self.left)))
        self.next_pause = min(self.next_pause * 2, self.longest)
