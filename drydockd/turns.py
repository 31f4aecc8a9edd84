"""Places at something scarce, given to owners in turn: who asks for much waits for himself."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drydockd.errors import Busy


class Turns:
    """`places` to be had at once, `most_of_one` of them by one owner; the others wait.

    A place that is given back goes to the owner whose last turn is longest ago, and of his to
    who came first. Not more than `waiting` wait, and of one owner `waiting_of_one`: who comes
    then is told to come again, by Busy. `what` is what Busy says there is too much of.
    """

    def __init__(
        self, what: str, *, places: int, most_of_one: int, waiting: int, waiting_of_one: int
    ) -> None:
        self._what = what
        self._free = places
        self._most_of_one = most_of_one
        self._most_waiting = waiting
        self._most_waiting_of_one = waiting_of_one
        # Who waits, by owner; the owners in the order of their turns.
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._at_work: Counter[str] = Counter()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        return self._waiting

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Hold a place for the block, waiting for it first. Raises Busy."""
        await self._enter(owner)
        try:
            yield
        finally:
            self._leave(owner)

    async def _enter(self, owner: str) -> None:
        if self._free and self._at_work[owner] < self._most_of_one and owner not in self._lines:
            self._take(owner)
            return
        line = self._lines.get(owner, ())
        if self._waiting >= self._most_waiting or len(line) >= self._most_waiting_of_one:
            raise Busy(
                f"too many {self._what} wait: {self._waiting} in all, {len(line)} of this owner; "
                "try again"
            )
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(owner, deque()).append(place)
        self._waiting += 1
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave(owner)
            else:
                self._forget(owner, place)
            raise

    def _take(self, owner: str) -> None:
        self._free -= 1
        self._at_work[owner] += 1

    def _leave(self, owner: str) -> None:
        self._free += 1
        self._at_work[owner] -= 1
        if not self._at_work[owner]:
            del self._at_work[owner]
        self._give()

    def _give(self) -> None:
        """Give what is free to whose turn it is."""
        while self._free:
            for owner in self._lines:
                if self._at_work[owner] < self._most_of_one:
                    break
            else:
                return
            line = self._lines.pop(owner)
            place = line.popleft()
            self._waiting -= 1
            if line:
                self._lines[owner] = line
            if place.done():  # cancelled in this very turn of the loop, and not yet forgotten
                continue
            self._take(owner)
            place.set_result(None)

    def _forget(self, owner: str, place: asyncio.Future[None]) -> None:
        line = self._lines.get(owner)
        if line is None or place not in line:
            return
        line.remove(place)
        self._waiting -= 1
        if not line:
            del self._lines[owner]
