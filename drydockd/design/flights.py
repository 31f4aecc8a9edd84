"""Concurrent calls for one thing share one piece of work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Flights(Generic[Value]):
    """Work under way, by key. Who gives up waiting does not stop it for the others."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Value]] = {}

    async def join(self, key: Hashable, start: Callable[[], Coroutine[None, None, Value]]) -> Value:
        """Return (or raise) what the work for `key` ends with, starting it if nobody has."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.create_task(start(), name=f"design {key!r:.60}")
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel what is under way and wait for its end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: Hashable, task: asyncio.Task[Value]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # seen, even if everyone stopped waiting
