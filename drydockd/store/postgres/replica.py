"""The one order in memory: own writes and others' land as the database numbered them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from drydockd.store.backend import Landing
from drydockd.store.postgres import sql
from drydockd.store.postgres.connect import within
from drydockd.store.postgres.rows import Written, foreign, settle, written
from drydockd.store.staging import Batch
from drydockd.store.tables import Tables

# So much is fetched at a time, so many changes land in one turn of the loop.
SLICE_BYTES = 1 << 20
TURN = 256
# A slice that does not come within this is not coming.
FETCH_SECONDS = 10.0


TRIMMED = (
    "writes that come next are kept no more: this daemon was cut off for too long, and starts anew"
)


class HistoryLost(Exception):
    """What is in memory is not what the database holds: the daemon has to begin anew."""


class Trimmed(Exception):
    """Writes that come next are kept no more."""


class Sent(Protocol):
    """An own write on its way."""

    batch: Batch
    has_landed: bool

    def landed(self) -> None: ...


class Replica:
    """What one daemon has seen of the order. `seq` and `chain` are those of the newest write.

    `pending`: own writes on their way, by their number. `is_dirty`: something that is staged was
    evaluated on what another daemon has changed since.
    """

    def __init__(self, tables: Tables, member: int, seq: int, chain: bytes) -> None:
        self.member = member
        self.seq = seq
        # The newest write whose chain is known.
        self.known = (seq, chain)
        self.pending: dict[int, Sent] = {}
        self.is_dirty = False
        self.heard: Callable[[], None] = lambda: None
        self._tables = tables
        self._order = asyncio.Lock()

    def begin(self, landing: Landing) -> None:
        self._landing = landing

    async def catch_up(self, connection: Any) -> None:
        """Land all that was committed before the call. Raises Trimmed, and as `connection` does."""
        while True:
            asking = connection.fetch(sql.FEED, self.seq, SLICE_BYTES)
            lines = await within(connection, FETCH_SECONDS, asking)
            self.heard()
            writes = list(written(lines))
            await self.apply(writes)
            is_full = sum(write.size for write in writes) >= SLICE_BYTES
            if len(writes) < sql.FEED_WRITES and not is_full:
                return

    async def apply(self, writes: Iterable[Written]) -> None:
        """Land those of `writes` that have not landed, each once, in order. Raises Trimmed."""
        async with self._order:
            landed = 0
            for write in writes:
                if write.seq <= self.seq:
                    continue
                if write.seq != self.seq + 1:
                    raise Trimmed
                landed += await self._land(write)
                if landed >= TURN:
                    landed = 0
                    await asyncio.sleep(0)

    async def _land(self, write: Written) -> int:
        sent = self.pending.pop(write.n, None) if write.member == self.member else None
        if sent is not None:
            batch = sent.batch
            settle(batch, self._tables.logs)
        else:
            batch = foreign(write.lines, self._tables.logs)
            self.is_dirty = self.is_dirty or self._landing.builds_on(batch)
        count = len(batch.ops)
        landing = self._landing.land([batch])
        if sent is not None:
            sent.has_landed = not batch.is_long  # that one lands in slices
        if landing is not None:
            await asyncio.shield(landing)
        self.seq = write.seq
        if write.chain is not None:
            self.known = (write.seq, write.chain)
        if sent is not None:
            sent.has_landed = True
            sent.landed()
        return count
