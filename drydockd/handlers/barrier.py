"""The barrier: reads that show all that any daemon acknowledged before the request came.

Source: contract, scale, section 5.
"""

from __future__ import annotations

from enum import Enum, auto

from drydockd.errors import StoreStale, StoreUnavailable
from drydockd.store.base import Store

# Of an answer that may lack what others acknowledged: by how many seconds.
HEADER = "Drydock-Stale"
# People get the answer that there is after so long, and are told how old it is; so do nodes whose
# key opens what is known here.
PEOPLE_SECONDS = 0.25
# Nodes take a refusal for the truth: they wait longer, and are then told to try again.
NODE_SECONDS = 5.0
RETRY_SECONDS = 5


class Reads(Enum):
    """What an answer is made of."""

    RECORDS = auto()  # people get it behind the barrier
    OTHERS = auto()  # a design, the program: nothing that other daemons write
    ITSELF = auto()  # the daemon: answered whatever becomes of the store


class Barrier:
    """One per daemon that shares its store; one that has it for itself needs none.

    `stale_seconds`: after so long without a word from what all share nothing is answered any
    more, as a key that was made void meanwhile would open boot data here for ever.
    """

    def __init__(self, store: Store, stale_seconds: float) -> None:
        self._store = store
        self.stale_seconds = stale_seconds

    @property
    def is_stale(self) -> bool:
        """Whether what is known here is too old to be answered from."""
        return self._store.silent_seconds() > self.stale_seconds

    def check(self) -> None:
        """Raise StoreStale if what is known here is too old to be answered from."""
        if self.is_stale:
            raise StoreStale(
                f"This daemon has heard nothing of its database for"
                f" {self._store.silent_seconds():.0f} s (store.stale_seconds:"
                f" {self.stale_seconds:g}): ask another one, or again later",
                RETRY_SECONDS,
            )

    async def people(self) -> float:
        """Wait a moment for all that was acknowledged; return 0 when it is there.

        Else the seconds by which reads may be behind, rounded to what `HEADER` tells. Raises
        StoreStale when that is too much.
        """
        try:
            await self._store.fresh(PEOPLE_SECONDS)
        except StoreUnavailable:
            self.check()
            return max(self._store.silent_seconds(), PEOPLE_SECONDS)
        return 0.0

    async def nodes(self) -> None:
        """Return when all that was acknowledged is there. Raises StoreStale."""
        try:
            await self._store.fresh(NODE_SECONDS)
        except StoreUnavailable as error:
            raise StoreStale(
                f"Whether this is so cannot be told now: {error}", RETRY_SECONDS
            ) from error
