"""What all fetches together may take: how many at once, and how many bytes in memory.

Twelve references of 60 MiB took 1.4 GiB. A byte is counted when it arrives and until whoever
asked for it has done with it, so that what waits to be compiled counts, and a source that does
not answer holds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from drydockd.errors import SourceUnavailable
from drydockd.turns import Turns

MIB = 1 << 20
MOST_WAITING = 2000


class Hold:
    """The bytes of one fetch."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size_bytes = 0
        self.waits_for = ""  # in words, for who ends the wait

    async def grow(self, size_bytes: int) -> None:
        """Count more bytes, waiting for room first; the first waits only for what is in use."""
        await self._budget.give(self, size_bytes)
        self.size_bytes += size_bytes

    def takes(self, size_bytes: int) -> bool:
        """Count more bytes if there is room for them now; return whether there was."""
        if self._budget.is_full(size_bytes):
            return False
        self._budget.used_bytes += size_bytes
        self.size_bytes += size_bytes
        return True

    def forget(self) -> None:
        """What was counted is gone, and may come again."""
        self._budget.used_bytes -= self.size_bytes
        self.size_bytes = 0
        self._budget.wake()

    def settle(self) -> None:
        """All bytes are there: another is the first of those that still read."""
        self._budget.settle(self)


class Budget:
    """One per daemon, event-loop thread only.

    `fetches` at once, half of them from one host; `most_bytes` in memory, and one document
    more. `wait_seconds` is how long a fetch waits for its turn.
    """

    def __init__(self, *, fetches: int, most_bytes: int, wait_seconds: float) -> None:
        self._fetches = fetches
        self._most_bytes = most_bytes
        self._wait_seconds = wait_seconds
        self._turns = Turns(
            "fetches",
            places=fetches,
            most_of_one=max(1, fetches // 2),
            waiting=MOST_WAITING,
            waiting_of_one=MOST_WAITING,
        )
        self._reading: dict[Hold, None] = {}  # in the order in which they began
        self._room = asyncio.Event()
        self.used_bytes = 0

    @asynccontextmanager
    async def turn(self, shown: str, host: str) -> AsyncIterator[None]:
        """Hold one of the places for the block. Raises SourceUnavailable after the wait, Busy."""
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await held.enter_async_context(self._turns.turn(host))
            except TimeoutError:
                raise SourceUnavailable(
                    f"{shown}: waited {self._wait_seconds:g} s for its turn: {self._fetches} "
                    f"fetches at once, half of them from one host (network.fetches), "
                    f"{self._turns.waiting} more wait"
                ) from None
            yield

    @contextmanager
    def hold(self) -> Iterator[Hold]:
        """Count what is fetched in the block, until it ends."""
        hold = self.open()
        try:
            yield hold
        finally:
            self.close(hold)

    def open(self) -> Hold:
        hold = Hold(self)
        self._reading[hold] = None
        return hold

    def close(self, hold: Hold) -> None:
        self.used_bytes -= hold.size_bytes
        hold.size_bytes = 0
        self.settle(hold)

    def settle(self, hold: Hold) -> None:
        self._reading.pop(hold, None)
        self.wake()

    def wake(self) -> None:
        """Let those look who wait for room, or to be the first."""
        self._room.set()
        self._room = asyncio.Event()

    async def give(self, hold: Hold, size_bytes: int) -> None:
        """Count bytes of `hold`. Raises SourceUnavailable when there was no room for too long."""
        if self.is_full(size_bytes):
            await self._wait_for_room(hold, size_bytes)
        self.used_bytes += size_bytes

    async def _wait_for_room(self, hold: Hold, size_bytes: int) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                while self.is_full(size_bytes) and not self._may_exceed(hold):
                    hold.waits_for = self._no_room()
                    await self._room.wait()
        except TimeoutError:
            raise SourceUnavailable(
                f"waited {self._wait_seconds:g} s for room: {hold.waits_for}"
            ) from None
        hold.waits_for = ""

    def is_full(self, size_bytes: int) -> bool:
        """Whether there is no room for so many more bytes now."""
        return self.used_bytes + size_bytes > self._most_bytes

    def _may_exceed(self, hold: Hold) -> bool:
        """The first goes on, so that those who read do not wait for each other for ever.

        But not beside what is read and still in use: that gets done with by itself, and else
        each that is read would make the next one the first, and all of them would be there.
        """
        reading = sum(one.size_bytes for one in {**self._reading, hold: None})
        return reading == self.used_bytes and next(iter(self._reading), hold) is hold

    def _no_room(self) -> str:
        used, most = self.used_bytes / MIB, self._most_bytes / MIB
        return f"{used:.1f} MiB of {most:g} are fetched and in use (network.fetch_bytes)"
