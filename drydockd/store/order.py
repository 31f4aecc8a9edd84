"""Keys in order of creation, for listings and their pages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

# (created, id): text order is time order, the id decides between equals.
Place = tuple[str, str]


class Order:
    """Places in ascending order. Adding the newest, the usual case, is an append."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: list[Place] = []

    def __len__(self) -> int:
        return len(self._places)

    def add(self, place: Place) -> None:
        places = self._places
        if not places or places[-1] < place:
            places.append(place)
        else:
            insort(places, place)

    def discard(self, place: Place) -> None:
        at = bisect_left(self._places, place)
        if at < len(self._places) and self._places[at] == place:
            del self._places[at]

    def discard_all(self, places: Iterable[Place]) -> None:
        """Remove many at the price of one pass."""
        gone = set(places)
        self._places = [place for place in self._places if place not in gone]

    def after(self, place: Place | None) -> Iterator[str]:
        """Ids behind `place`, in order; all of them without one."""
        start = 0 if place is None else bisect_right(self._places, place)
        for at in range(start, len(self._places)):
            yield self._places[at][1]

    def before(self, created: str) -> list[str]:
        """Ids created strictly before `created`."""
        return [key for _, key in self._places[: bisect_left(self._places, (created, ""))]]
