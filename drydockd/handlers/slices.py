"""So much in one turn of the loop: of long work, in slices, and of requests that begin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from drydockd.handlers.line import Line

# So long may the slices of one turn of the loop take, and what the last of them takes.
TURN_SECONDS = 0.005
# So many who wait are woken for one turn: they find out for themselves whether it has time left.
WOKEN = 32
# So many requests begin in one turn of the loop: 0.3 ms each, and more of those that are long.
BEGINNING = 16


class Slices:
    """Whoever works in slices awaits `turn` before each. Event-loop thread only.

    Fifty lists that are asked for at once and each give way after 3 ms still keep everybody else
    150 ms from a turn of the loop. Here they share one turn: owners take it one after the other,
    and who has one list waits behind nobody's fifty.
    """

    def __init__(self) -> None:
        self._line: Line[asyncio.Future[None]] = Line()
        self._end = 0.0
        self._is_turn = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    async def turn(self, owner: str) -> None:
        """Return when this turn of the loop has time for a slice; at once, if it has now."""
        is_new = True
        while True:
            if not self._is_turn:
                self._begin()
            if time.perf_counter() < self._end and not (is_new and self._line):
                return
            is_new = False
            place = asyncio.get_running_loop().create_future()
            self._line.add(owner, place)
            await place

    def _begin(self) -> None:
        """Begin to count; the next turn of the loop is for who waits then."""
        self._is_turn = True
        self._end = time.perf_counter() + TURN_SECONDS
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Wake some who wait; they go on in the next turn, and whoever comes waits for it."""
        if not self._line:
            self._is_turn = False
            return
        self._end = 0.0
        asyncio.get_running_loop().call_soon(self._begin)
        woken = 0
        while self._line and woken < WOKEN:
            place = self._line.pop()
            if not place.done():  # its waiter was cancelled
                place.set_result(None)
                woken += 1


class Door:
    """Lets so many requests in for one turn of the loop. Event-loop thread only.

    Hundreds of connections may each have their next request ready at once: the turn of the loop
    in which all of them are answered takes as long as everybody else then waits. Here addresses
    take it in turn, and one that was not in the line comes ahead of those that had their turn.
    """

    def __init__(self) -> None:
        self._line: Line[asyncio.Future[None]] = Line()
        self._left = BEGINNING
        self._is_planned = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    def enter(self, owner: str) -> Awaitable[None] | None:
        """Return what to wait for; None if `owner` may begin now."""
        if not self._is_planned:
            self._is_planned = True
            asyncio.get_running_loop().call_soon(self._next)
        if self._left > 0 and not self._line:
            self._left -= 1
            return None
        place = asyncio.get_running_loop().create_future()
        self._line.add(owner, place)
        return place

    def _next(self) -> None:
        """Begin a turn: first those who wait, the rest of it for who comes."""
        self._left, self._is_planned = BEGINNING, False
        while self._line and self._left > 0:
            place = self._line.pop()
            if not place.done():  # its waiter was cancelled
                place.set_result(None)
                self._left -= 1
        if self._left < BEGINNING:
            self._is_planned = True
            asyncio.get_running_loop().call_soon(self._next)
