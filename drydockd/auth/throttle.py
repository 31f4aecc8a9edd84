"""Slows down who keeps trying: the more refusals to one address, the later the next answer."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from drydockd.auth.audit import Audit, Event

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(slots=True)
class _Address:
    level: float = 0.0
    seen: float = 0.0


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
    waits costs memory too. `audit` is told when an address begins to be slowed.
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
    ) -> None:
        self._free = free
        self._step = step_seconds
        self._max_seconds = max_seconds
        self._recover = recover_seconds
        self._max_addresses = max_addresses
        self._max_waiting = max_waiting
        self._audit = audit
        self._clock = clock
        self._sleep = sleep
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
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
        now = self._clock()
        key = group(remote)
        address = self._addresses.pop(key, None) or _Address(seen=now)
        address.level = max(0.0, address.level - (now - address.seen) / self._recover) + 1
        # Above this the delay no longer grows; nor does the time to recover.
        address.level = min(address.level, self._free + 16)
        address.seen = now
        self._addresses[key] = address
        if len(self._addresses) > self._max_addresses:
            self._addresses.popitem(last=False)
        over = address.level - self._free
        if over <= 0:
            return 0.0
        if over <= 1 and self._audit is not None:
            self._audit.record(
                Event.RATE_LIMIT, key, remote=remote, description="answers to failures are slowed"
            )
        return float(min(self._max_seconds, self._step * 2 ** (over - 1)))


def group(remote: str) -> str:
    """Return what is counted as one address: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        ip = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote[:64]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
