"""Slows down who keeps trying: the more refusals to one address, the later the next answer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from drydockd.auth.audit import Audit, Event
from drydockd.auth.buckets import Addresses, Bucket, group

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


# What is counted apart: refused tokens, keys of nodes, ids of no boot action.
KINDS = ("token", "bootkey", "bootaction_id")


class Throttle:
    """Delays the answers to failed keys and tokens. Event-loop thread only.

    Each address has a level: one up per failure, one down per `recover_seconds`. Up to
    `free` failures nothing happens; beyond, the answer waits `step_seconds`, doubled per
    further failure, at most `max_seconds`. Only refusals wait, never a valid request, so
    clients behind one address do not harm each other. An IPv6 address counts as its /64.

    At most `max_addresses` are remembered (the longest unheard of goes first), and at most
    `max_waiting` answers wait at a time: beyond that they are given at once, because what
    waits costs memory too. `audit` is told when an address begins to be slowed. `daemons` returns
    how many share what comes: each then forgives its part of `free`, at least one.
    """

    def __init__(
        self,
        *,
        free: int = 10,
        step_seconds: float = 0.1,
        max_seconds: float = 5.0,
        recover_seconds: float = 10.0,
        max_addresses: int = 10_000,
        max_waiting: int = 1_000,
        audit: Audit | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        daemons: Callable[[], int] = lambda: 1,
    ) -> None:
        self._free = free
        self._daemons = daemons
        self._step = step_seconds
        self._max_seconds = max_seconds
        self._max_waiting = max_waiting
        self._audit = audit
        self._clock = clock
        self._sleep = sleep
        self._addresses = Addresses(lambda: Bucket(1 / recover_seconds), max_addresses)
        # With 0 from the start: the first of an increase would be lost else.
        self.failures: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self.delayed = 0
        self.waiting = 0

    @property
    def tracked(self) -> int:
        """How many addresses are remembered."""
        return len(self._addresses)

    async def failed(self, remote: str, kind: str) -> float:
        """Count a failure of `kind` (``token``, ``bootkey``) by address `remote`, then wait.

        Returns the seconds waited. Call it before the refusal is sent.
        """
        self.failures[kind] += 1
        seconds = self._delay(remote)
        if seconds <= 0 or self.waiting >= self._max_waiting:
            return 0.0
        self.delayed += 1
        self.waiting += 1
        try:
            await self._sleep(seconds)
        finally:
            self.waiting -= 1
        return seconds

    def _delay(self, remote: str) -> float:
        free = self._free and max(1, self._free // max(1, self._daemons()))
        # Above the top the delay no longer grows; nor does the time to recover.
        level = self._addresses.heard(remote).fill(self._clock(), 1, most=free + 16)
        over = level - free
        if over <= 0:
            return 0.0
        if over <= 1 and self._audit is not None:
            self._audit.record(
                Event.RATE_LIMIT,
                group(remote),
                remote=remote,
                description="answers to failures are slowed",
            )
        return float(min(self._max_seconds, self._step * 2 ** (over - 1)))
