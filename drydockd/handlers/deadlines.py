"""Moments by which something must have come, thousands of them on one timer of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Deadlines(Generic[K]):
    """Calls ``passed(key)`` `seconds` after `begin` of that key, unless it ended before.

    Nearly everything ends at once: that costs two changes of a dict, and no timer is set and
    taken back for it. Event-loop thread only.
    """

    def __init__(self, seconds: float, passed: Callable[[K], None]) -> None:
        self._seconds = seconds
        self._passed = passed
        # All wait equally long, so the first one is the next.
        self._until: dict[K, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def begin(self, key: K) -> None:
        """Let the time of `key` run, from now if it does already."""
        loop = self._loop or self._find_loop()
        self._until.pop(key, None)
        self._until[key] = until = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(until, self._look, loop)

    def end(self, key: K) -> None:
        """It came, or is not waited for any more; unknown keys are fine."""
        self._until.pop(key, None)

    def _find_loop(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End those whose time is over, and come back when the next one's is."""
        self._timer = None
        for key, until in list(self._until.items()):
            if until > loop.time():
                self._timer = loop.call_at(until, self._look, loop)
                return
            self._until.pop(key, None)
            self._passed(key)
