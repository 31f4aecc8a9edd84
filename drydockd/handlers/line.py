"""Accepted connections that nobody serves yet, in a line per address.

Whoever opens thousands at once waits behind his own: the addresses are served in turn, and one
that was not in the line before comes ahead of those that had their first turn.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """First in, first out for each address; `len` is how many wait in all."""

    def __init__(self) -> None:
        self._new: OrderedDict[str, deque[T]] = OrderedDict()
        self._known: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0
        self._is_turn_of_known = False

    def __len__(self) -> int:
        return self._count

    def of(self, address: str) -> int:
        """Return how many of the address wait."""
        return len(self._new.get(address) or self._known.get(address) or ())

    def add(self, address: str, one: T) -> None:
        known = self._known if address in self._known else self._new
        known.setdefault(address, deque()).append(one)
        self._count += 1

    def pop(self) -> T:
        """Return whose turn it is. Raises KeyError when nobody waits.

        New addresses and known ones alternate, so that ever new ones keep nobody from a turn.
        """
        ring = self._known if self._is_turn_of_known or not self._new else self._new
        if not ring:
            ring = self._new
        address, waiting = ring.popitem(last=False)
        one = waiting.popleft()
        if waiting:
            self._known[address] = waiting
        self._count -= 1
        self._is_turn_of_known = ring is self._new
        return one
