"""Long answers in parts: what one turn of the loop may make of an answer, and no more."""

from __future__ import annotations

# What a part may hold, and what may be encoded for it: about 3 ms.
PART_BYTES = 256 << 10
PART_RECORDS = 1000


class Part:
    """Gathers pieces of an answer until they are enough for one turn."""

    __slots__ = ("_bytes", "_pieces", "_records")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = self._records = 0

    def add(self, piece: bytes, records: int = 0) -> bool:
        """Add a piece, for which `records` were encoded; return whether it is time to `take`."""
        self._pieces.append(piece)
        self._bytes += len(piece)
        self._records += records
        return self._bytes >= PART_BYTES or self._records >= PART_RECORDS

    def take(self) -> bytes:
        """Return what was gathered, perhaps nothing, and begin anew."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._bytes = self._records = 0
        return taken
