"""Keys in order of creation or arrival, for listings and their pages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

# (created, id): text order is time order, the id decides between equals. Or (arrival, id);
# one Order holds one kind.
Place = tuple[str | int, str]

# Inserting into or removing from a list this long moves 8 KiB at most: 0.2 µs.
_CHUNK = 1000


class Order:
    """A sorted set of places, in chunks: nothing it does takes longer the longer it gets."""

    __slots__ = ("_chunks", "_lasts", "_length")

    def __init__(self, places: list[Place] | None = None) -> None:
        """Begin with nothing, or with the sorted `places`, which are its own from now on."""
        self._chunks: list[list[Place]] = [places] if places else []
        self._lasts: list[Place] = places[-1:] if places else []  # of each chunk
        self._length = len(places) if places else 0

    def __len__(self) -> int:
        return self._length

    def add(self, place: Place) -> None:
        chunks, lasts = self._chunks, self._lasts
        if not lasts or lasts[-1] < place:  # the newest, the usual case
            if lasts and len(chunks[-1]) < _CHUNK:
                chunks[-1].append(place)
                lasts[-1] = place
            else:
                chunks.append([place])
                lasts.append(place)
        else:
            at = bisect_left(lasts, place)
            chunk = chunks[at]
            found = bisect_left(chunk, place)
            if chunk[found] == place:
                return
            chunk.insert(found, place)
            if len(chunk) > _CHUNK:
                self._split(at)
        self._length += 1

    def _split(self, at: int) -> None:
        chunk = self._chunks[at]
        rest = chunk[_CHUNK // 2 :]
        del chunk[_CHUNK // 2 :]
        self._chunks.insert(at + 1, rest)
        self._lasts.insert(at, chunk[-1])

    def discard(self, place: Place) -> None:
        at = bisect_left(self._lasts, place)
        if at == len(self._lasts):
            return
        chunk = self._chunks[at]
        found = bisect_left(chunk, place)
        if chunk[found] != place:
            return
        del chunk[found]
        self._length -= 1
        if not chunk:
            del self._chunks[at], self._lasts[at]
        elif found == len(chunk):
            self._lasts[at] = chunk[-1]

    def __iter__(self) -> Iterator[str]:
        """The ids in order. Not while it changes."""
        return (place[1] for chunk in self._chunks for place in chunk)

    def backwards(self) -> Iterator[str]:
        """The ids, the last one first. Not while it changes."""
        return (place[1] for chunk in reversed(self._chunks) for place in reversed(chunk))

    def some_after(self, place: Place | None, most: int) -> list[Place]:
        """Up to `most` places behind `place`: whoever goes on behind the last of them misses
        none that stayed, whatever comes and goes meanwhile."""
        at = 0 if place is None else bisect_right(self._lasts, place)
        found: list[Place] = []
        if at < len(self._chunks):
            start = 0 if place is None else bisect_right(self._chunks[at], place)
            found = self._chunks[at][start : start + most]
            while len(found) < most and (at := at + 1) < len(self._chunks):
                found += self._chunks[at][: most - len(found)]
        return found

    def some_before(self, place: Place | None, most: int) -> list[Place]:
        """Up to `most` places ahead of `place` (None: of the end), the last one first."""
        at = len(self._chunks) - 1
        if place is not None:
            at = min(bisect_left(self._lasts, place), at)
        found: list[Place] = []
        while len(found) < most and at >= 0:
            chunk = self._chunks[at]
            end = len(chunk) if place is None else bisect_left(chunk, place)
            found += reversed(chunk[max(0, end - (most - len(found))) : end])
            at -= 1
        return found
