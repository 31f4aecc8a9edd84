"""Remembers checked tokens by their digest: bounded in time and number, no token text kept."""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from drydockd.model import Caller

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Entry:
    caller: Caller
    until: float
    expires: float


class TokenCache:
    """Token -> caller for at most `seconds`, never past the token's end, `size` at most.

    `seconds` of 0 or less believes nothing. Kept time is monotonic; a token's own end is by
    the wall clock, as its issuer meant it. That it was good is remembered up to that, and when
    it ended still longer. The least recently used goes first.
    """

    def __init__(
        self,
        *,
        seconds: float,
        size: int = 10_000,
        clock: Clock = time.monotonic,
        wall_clock: Clock = time.time,
    ) -> None:
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._wall_clock = wall_clock
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, token: str) -> Caller | None:
        """Return the caller of a token put before, None when unknown or its time is over."""
        entry = self._entry(token)
        return entry.caller if entry is not None and self._clock() < entry.until else None

    def was_good(self, token: str) -> bool:
        """Whether `token` was put before, and has not ended by its own clock."""
        return self._entry(token) is not None

    def put(self, token: str, caller: Caller, expires: float) -> None:
        """Remember `token`, which ends at `expires` (seconds since the epoch)."""
        key = digest(token)
        until = self._clock() + self._seconds if self._seconds > 0 else -math.inf
        self._entries[key] = _Entry(caller, until, expires)
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def forget(self, token: str) -> None:
        """Drop a token that is good no more. Safe to call for any."""
        self._entries.pop(digest(token), None)

    def clear(self) -> None:
        self._entries.clear()

    def end(self, token: str) -> float | None:
        """Return when a token put before ends or ended; None when nothing is known of it."""
        entry = self._entries.get(digest(token))
        return entry.expires if entry is not None else None

    def _entry(self, token: str) -> _Entry | None:
        key = digest(token)
        entry = self._entries.get(key)
        if entry is None or self._wall_clock() >= entry.expires:
            return None
        self._entries.move_to_end(key)
        return entry


class RefusedCache:
    """Tokens found invalid, for `seconds` each; its own table, so garbage evicts no one."""

    def __init__(
        self, *, seconds: float, size: int = 10_000, clock: Clock = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, token: str) -> bool:
        key = digest(token)
        until = self._until.get(key)
        if until is not None and self._clock() >= until:
            del self._until[key]
            return False
        return until is not None

    def add(self, token: str) -> None:
        if self._seconds <= 0:
            return
        self._until[digest(token)] = self._clock() + self._seconds
        if len(self._until) > self._size:
            self._until.popitem(last=False)


def digest(token: str) -> bytes:
    """Return what a token is remembered by."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
