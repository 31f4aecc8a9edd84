"""Keys in order of creation or arrival, for listings and their pages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

# (created, id): text order is time order, the id decides between equals. Or (arrival, id);
# one Order holds one kind.
Place = tuple[str | int, str]

# Up to here removing from the middle of the list is cheaper than any bookkeeping.
_FEW = 200


class Order:
    """Places in ascending order. Adding the newest, the usual case, is an append.

    A removed place is only noted: taking it out of a list of 100,000 moves the rest, and a
    retention run takes out thousands. When half of the list is gone it is made anew.
    """

    __slots__ = ("_gone", "_places")

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._gone: set[Place] = set()

    def __len__(self) -> int:
        return len(self._places) - len(self._gone)

    def add(self, place: Place) -> None:
        places = self._places
        if not places or places[-1] < place:
            places.append(place)
        elif self._gone and place in self._gone:
            self._gone.discard(place)
        else:
            insort(places, place)

    def discard(self, place: Place) -> None:
        places = self._places
        at = bisect_left(places, place)
        if at >= len(places) or places[at] != place:
            return
        if len(places) - at <= _FEW and place not in self._gone:
            del places[at]
            return
        self._gone.add(place)
        if len(self._gone) * 2 > len(places):
            self._places = [found for found in places if found not in self._gone]
            self._gone.clear()

    def after(self, place: Place | None) -> Iterator[str]:
        """Ids behind `place`, in order; all of them without one."""
        start = 0 if place is None else bisect_right(self._places, place)
        gone = self._gone
        for at in range(start, len(self._places)):
            found = self._places[at]
            if not gone or found not in gone:
                yield found[1]

    def before(self, created: str) -> list[str]:
        """Ids created strictly before `created`."""
        stop = bisect_left(self._places, (created, ""))
        return [place[1] for place in self._places[:stop] if place not in self._gone]
