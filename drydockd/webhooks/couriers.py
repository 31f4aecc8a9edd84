"""All webhooks of a daemon: started together, ended together, and what is wrong with them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from drydockd.webhooks.courier import Courier

log = logging.getLogger(__name__)


class Couriers:
    """Runs each courier in a task of its own: none waits for another."""

    def __init__(self, couriers: Sequence[Courier]) -> None:
        self.all = tuple(couriers)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for courier in self.all:
            task = asyncio.create_task(courier.run(), name=f"webhook {courier.name}")
            task.add_done_callback(_ended)
            self._tasks.append(task)

    async def close(self) -> None:
        """End all, with their places written. Safe to call twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def problems(self) -> list[str]:
        """Return a line for each receiver that does not take its events."""
        return [text for courier in self.all if (text := courier.problem()) is not None]


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s ended", task.get_name(), exc_info=error)
