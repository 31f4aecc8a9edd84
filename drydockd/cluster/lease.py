"""The lease of this daemon: beats, and what follows from how they end.

What the store says holds by the store's clock; what this process may rely on ends earlier, by
its own monotonic clock, counted from before it asked. A process that loses the lease ends: its
tasks go on elsewhere. Source: contract, scale, section 6.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from drydockd.cluster.clock import ClockOffset
from drydockd.errors import NotRunner, StoreUnavailable
from drydockd.store.base import Epoch
from drydockd.store.lease import Beat, Keeper, Report

log = logging.getLogger(__name__)

# Of the seconds a lease is given for.
BEATS = 1 / 4
VALID = 3 / 4
# What was sent at the last moment gets the rest: from `VALID` to the end.
REACH = 1 - VALID
# So much before it, this process says goodbye; at the moment itself the warden says nothing.
GOODBYE = 1 / 16
# After a beat that failed at once.
PAUSE = 1 / 16


class Watched(Protocol):
    """What kills this process once its time is over; see warden.Warden."""

    def live_until(self, moment: float | None) -> None:
        """`moment`: of the monotonic clock; None: for as long as it likes."""
        ...


class Lease:
    """One per daemon that shares a store; it is the Authority of its tasks.

    `lost` is called once, with the reason, when it was the runner and no longer is: the process
    has to end at once. `wants` may be cleared by whoever does not want to run tasks (any more);
    it stays the runner until `leave`. Event-loop thread only.
    """

    def __init__(
        self,
        keeper: Keeper,
        ttl: float,
        *,
        name: str,
        report: Callable[[], Report],
        lost: Callable[[str], None],
        warden: Watched | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.member = name
        self.ttl = ttl
        self.wants = True
        self.epoch: Epoch | None = None
        self.runner: str | None = None
        self.live = 1
        self.offset = ClockOffset()
        self.valid_until = 0.0
        self._keeper = keeper
        self._report = report
        self._lost = lost
        self._warden = warden
        self._clock = clock
        self._is_over = False
        self._holds = False  # by the last answer, whatever this process makes of it
        self._trouble = ""
        self._freed = asyncio.Event()
        self._beaten = asyncio.Event()
        self._gained: asyncio.Future[Epoch] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    # -- what others ask

    @property
    def is_runner(self) -> bool:
        return self.epoch is not None

    @property
    def offset_seconds(self) -> float:
        """The store's clock minus ours; 0 before it was measured."""
        return self.offset.seconds or 0.0

    @property
    def reach_seconds(self) -> float | None:
        return self.ttl * REACH

    def guard(self) -> Epoch | None:
        """Raises NotRunner: nothing may be written for tasks now."""
        if self.epoch is None:
            raise NotRunner(f"{self.member} does not run the tasks")
        return self.epoch

    async def may_act(self) -> None:
        """Return while the lease certainly holds; else wait for the next beat. Raises NotRunner."""
        while True:
            self.guard()
            if self._clock() < self.valid_until:
                return
            beaten = self._beaten
            await beaten.wait()

    def over(self, why: str) -> None:
        """The store refused what an epoch of ours guarded: somebody else has it."""
        self._end(why)

    async def gained(self) -> Epoch:
        """Wait until this daemon is the runner; its epoch. The caller then takes over."""
        if self.epoch is not None:
            return self.epoch
        if self._gained is None:
            self._gained = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._gained)

    # -- beating

    def start(self) -> None:
        """Begin to beat; call it once."""
        self._keeper.when_freed(self._freed.set)
        self._beating = asyncio.get_running_loop().create_task(self._beat_on(), name="lease")
        self._beating.add_done_callback(self._ended)

    async def leave(self) -> None:
        """Stop beating and give the lease away, so that nobody waits for its end. Safe twice.

        Call it when nothing is at work any more: from here on nothing may be done.
        """
        was_lost, self._is_over = self._is_over, True
        if self._beating is not None:
            # Not broken off: the beat on its way may be the one that gets the lease.
            self._freed.set()
            await asyncio.wait({self._beating})
            self._beating = None
        if self.is_runner:
            self.epoch = None
            self._let_live(None)
        self._wake()
        if self._holds and not was_lost:
            await self._give_away()
        await self._keeper.close()

    async def _give_away(self) -> None:
        try:
            async with asyncio.timeout(self.ttl):
                await self._keeper.leave()
        except (StoreUnavailable, TimeoutError) as error:
            log.warning("the lease was not given away, it runs out in %g s: %s", self.ttl, error)

    async def measure(self) -> None:
        """Measure the store's clock, before anything is dated. Raises StoreUnavailable."""
        if not await self._beat(self.ttl):
            raise StoreUnavailable(f"no sign of life to the database: {self._trouble}")

    async def beat(self) -> bool:
        """Beat once; whether it was heard. Bounded by the seconds between two of them."""
        return await self._beat(self.ttl * BEATS)

    async def _beat(self, seconds: float) -> bool:
        asked = self._clock()
        wants = self.wants and self.offset.is_good
        try:
            async with asyncio.timeout(seconds):
                beat = await self._keeper.beat(self._report(), self.ttl, wants=wants)
        except (StoreUnavailable, TimeoutError) as error:
            self._mention(str(error) or "no answer in time")
            return False
        self._trouble = ""
        self._holds = beat.epoch is not None
        if not self._is_over:
            self._take(beat, asked)
        return True

    def _ended(self, beating: asyncio.Task[None]) -> None:
        """Without beats it would neither be the runner for long nor become it again."""
        if not beating.cancelled() and (error := beating.exception()) is not None:
            log.critical("the lease's beats failed", exc_info=error)
            self._end(f"its beats failed: {error!r}")

    def _mention(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("no sign of life to the database, trying again: %s", trouble)
        self._trouble = trouble

    async def _beat_on(self) -> None:
        if self.offset.seconds is None:
            # Without which nobody may want the lease.
            await self.beat()
        while not self._is_over:
            began = self._clock()
            is_heard = await self.beat()
            left = self.ttl * (BEATS if is_heard else PAUSE) - (self._clock() - began)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, left)):
                    await self._freed.wait()
            self._freed.clear()

    def _take(self, beat: Beat, asked: float) -> None:
        self.offset.measured(beat.offset_seconds)
        self.runner, self.live = beat.runner, max(1, beat.live)
        if beat.epoch is not None:
            self._hold(beat.epoch, asked)
        elif self.is_runner:
            self._end(f"{beat.runner or 'nobody'} runs the tasks now")
        self._wake()

    def _hold(self, epoch: Epoch, asked: float) -> None:
        is_new = epoch != self.epoch
        if is_new and self.epoch is not None:
            log.warning(
                "the lease ran out; nobody took it, so it goes on as epoch %d", epoch.number
            )
        self.epoch = epoch
        self._let_live(asked + self.ttl * VALID)
        if is_new:
            log.info("%s runs the tasks, epoch %d", self.member, epoch.number)
            if self._gained is not None and not self._gained.done():
                self._gained.set_result(epoch)

    def _let_live(self, moment: float | None) -> None:
        """To the warden first: what may be relied on may never be more than what it knows."""
        if self._warden is not None:
            self._warden.live_until(moment)
        self.valid_until = moment or 0.0
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if moment is not None:
            left = moment - self.ttl * GOODBYE - self._clock()
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._expired)

    def _expired(self) -> None:
        self._end("the lease could not be renewed in time")

    def _end(self, why: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.epoch = None
        log.critical("%s may not run tasks any more: %s; this process ends", self.member, why)
        self._wake()
        self._lost(why)

    def _wake(self) -> None:
        """Those who wait for a beat look again."""
        self._beaten.set()
        self._beaten = asyncio.Event()
