"""Logins whose answers were lost: each may have left a session whose name nobody was told."""

from __future__ import annotations

# BMCs of which it is remembered.
MOST = 1_000
# More sessions than that no BMC has.
MOST_EACH = 64


class LostLogins:
    """When they were sent (the loop's clock), by the BMC's origin; one of these per driver."""

    def __init__(self) -> None:
        self._by_origin: dict[str, list[float]] = {}

    def note(self, origin: str, began: float) -> None:
        """Remember one; of BMCs beyond `MOST` the longest unheard of is forgotten."""
        noted = self._by_origin.pop(origin, [])
        self._by_origin[origin] = [*noted, began][:MOST_EACH]
        if len(self._by_origin) > MOST:
            del self._by_origin[next(iter(self._by_origin))]

    def of(self, origin: str) -> list[float]:
        return list(self._by_origin.get(origin, ()))

    def forget(self, origin: str) -> None:
        self._by_origin.pop(origin, None)
