"""Pieces of work on the loop, in turn: all of them together hold it for so long in one round.

A round ends when the loop has come to everybody else. Event-loop thread only.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar, cast

# What the bytes of all streams may take of one round of the loop.
ROUND_SECONDS = 0.001
T = TypeVar("T")


class Pace:
    """Who comes while a round has time is served at once, the others in the order they came.

    `clock` counts seconds. One piece may overrun its round: what it takes is the longest hold.
    """

    def __init__(
        self, seconds: float = ROUND_SECONDS, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: float | None = None
        self._line: deque[tuple[Callable[[], object], asyncio.Future[object]]] = deque()

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` does, and raise what it raises, when it is its turn.

        It is not called for who was cancelled while waiting.
        """
        if not self._line and self._has_time():
            return work()
        place: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._line.append((work, place))
        return cast(T, await place)

    def _has_time(self) -> bool:
        now = self._clock()
        if self._until is None:
            self._until = now + self._seconds
            asyncio.get_running_loop().call_soon(self._next_round)
        return now < self._until

    def _next_round(self) -> None:
        self._until = None
        while self._line and self._has_time():
            work, place = self._line.popleft()
            if place.done():
                continue
            try:
                place.set_result(work())
            except Exception as error:  # it is raised where the work came from
                place.set_exception(error)
