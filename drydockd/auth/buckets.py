"""Leaking buckets, one for each address: what an address may do how often, in bounded memory."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Bucket:
    """What is filled in leaks away at `rate` a second."""

    rate: float
    level: float = 0.0
    seen: float = 0.0

    def fill(self, now: float, amount: float, *, most: float = math.inf) -> float:
        """Let leak what has leaked until `now`, fill in `amount`; return the level, at most `most`.

        `now` is seconds of a clock that never goes back.
        """
        leaked = max(0.0, self.level - (now - self.seen) * self.rate)
        self.level = min(leaked + amount, most)
        self.seen = now
        return self.level


class Addresses(Generic[T]):
    """What is remembered of each address; an IPv6 address counts as its /64.

    At most `most` are remembered: the longest unheard of goes first, and is new when it comes
    again.
    """

    def __init__(self, make: Callable[[], T], most: int) -> None:
        self._make = make
        self._most = most
        self._known: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def heard(self, remote: str) -> T:
        """Return what is remembered of `remote`, which was heard of now."""
        key = group(remote)
        kept = self._known.pop(key, None)
        if kept is None:
            kept = self._make()
        self._known[key] = kept
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return kept


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
