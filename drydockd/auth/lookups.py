"""Who may have an unknown token asked about: bounded per address and in all, before asking."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from drydockd.auth.audit import Audit, Event
from drydockd.auth.buckets import Addresses, Bucket, group
from drydockd.errors import TooMany

Clock = Callable[[], float]
WAITING_RETRY_SECONDS = 1


@dataclass(slots=True)
class _Address:
    refused: Bucket
    waiting: int = 0
    good_until: float = 0.0
    is_told: bool = False


class Lookups:
    """Counts look-ups of unknown tokens. Event-loop thread only.

    Of one address at most `per_address` a minute may turn out wrong, and `waiting_per_address`
    wait at once; of all together `total` a minute. Beyond, `admit` raises TooMany, and nobody
    is asked. An address from which a good token came within `good_seconds` is not counted
    among all: a flood from elsewhere takes nothing from it. An IPv6 address counts as its
    /64. At most `max_addresses` are remembered, the longest unheard of goes first.
    """

    def __init__(
        self,
        *,
        per_address: int = 60,
        total: int = 1200,
        waiting_per_address: int = 64,
        good_seconds: float = 3600.0,
        max_addresses: int = 10_000,
        audit: Audit | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._per_address = per_address
        self._total = total
        self._waiting = waiting_per_address
        self._good_seconds = good_seconds
        self._audit = audit
        self._clock = clock
        self._all = Bucket(total / 60)
        self._addresses = Addresses(lambda: _Address(Bucket(per_address / 60)), max_addresses)
        self.refused = 0

    @property
    def tracked(self) -> int:
        """How many addresses are remembered."""
        return len(self._addresses)

    def admit(self, remote: str) -> None:
        """Raise TooMany if nobody is to be asked about an unknown token of `remote` now."""
        now = self._clock()
        address = self._addresses.heard(remote)
        seconds = _excess(address.refused, now, self._per_address)
        if not seconds and address.good_until <= now:
            seconds = _excess(self._all, now, self._total)
        if not seconds and address.waiting >= self._waiting:
            seconds = WAITING_RETRY_SECONDS
        if not seconds:
            address.is_told = False
            return
        self.refused += 1
        if not address.is_told and self._audit is not None:
            self._audit.record(
                Event.RATE_LIMIT,
                group(remote),
                remote=remote,
                description="unknown tokens are refused without asking about them",
            )
        address.is_told = True
        raise TooMany(
            f"too many unknown tokens; try again in {seconds} s with one that is valid",
            retry_after=seconds,
        )

    def began(self, remote: str) -> None:
        """Count a look-up for `remote` that is under way; `ended` takes it off."""
        self._addresses.heard(remote).waiting += 1

    def ended(self, remote: str, *, is_good: bool | None) -> None:
        """Count how it ended; `is_good` None: nobody knows."""
        now = self._clock()
        address = self._addresses.heard(remote)
        address.waiting = max(0, address.waiting - 1)
        if is_good:
            address.good_until = now + self._good_seconds
        elif is_good is False:
            address.refused.fill(now, 1)
            if address.good_until <= now:
                self._all.fill(now, 1)


def _excess(bucket: Bucket, now: float, size: int) -> int:
    """Return after how many seconds another one fits into `bucket`, 0 for now."""
    over = bucket.fill(now, 0) + 1 - size
    return math.ceil(over / bucket.rate) if over > 0 else 0
