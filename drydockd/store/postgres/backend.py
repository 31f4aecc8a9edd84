"""The backend `postgres`: records in memory, all writes in one order in a database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from drydockd.store.backend import Backend, Landing
from drydockd.store.base import Epoch, Member, StoreHealth
from drydockd.store.past import Past
from drydockd.store.postgres import trimming
from drydockd.store.postgres.blobs import SWEEP_SECONDS, Blobs
from drydockd.store.postgres.feed import Feed
from drydockd.store.postgres.join import Membership
from drydockd.store.postgres.members import members
from drydockd.store.postgres.past import FeedPast
from drydockd.store.postgres.replica import HistoryLost, Replica
from drydockd.store.postgres.side import Side
from drydockd.store.postgres.writer import Writer
from drydockd.store.staging import Batch
from drydockd.store.tables import Tables

log = logging.getLogger(__name__)


class PostgresBackend(Backend):
    """One daemon's end of a database that several share. Method contracts: see backend.Backend.

    `on_lost` is called once, on the loop, with a HistoryLost when this process must not go on:
    it ends, and is started anew.
    """

    def __init__(
        self,
        who: Membership,
        tables: Tables,
        replica: Replica,
        connections: tuple[Any, Any],
        *,
        patience: float,
        first_n: int,
    ) -> None:
        self.who = who
        self.shared_seconds = patience
        self.on_lost: Callable[[HistoryLost], None] = _nobody_is_told
        self.lost: HistoryLost | None = None
        reading, writing = connections
        self._replica = replica
        self._side = Side(who.url, f"{who.name}/side", patience)
        self._blobs = Blobs(self._side, tables.blob_uses)
        self._feed = Feed(who, replica, reading, lost=self._lose)
        self._writer = Writer(
            who,
            replica,
            writing,
            self._blobs.put,
            patience=patience,
            first_n=first_n,
            lost=self._lose,
        )

    @property
    def member_id(self) -> int:
        return self.who.member

    @property
    def session(self) -> int:
        """The number of the connection that writes, among all this member ever had."""
        return self.who.session

    @property
    def applied(self) -> int:
        """The number of the newest write that is visible here."""
        return self._replica.seq

    async def listen(self) -> None:
        await self._feed.listen()

    def begin(self, landing: Landing) -> None:
        self._landing = landing
        self._replica.begin(landing)
        self._feed.begin()
        self._writer.begin(landing)

    def save(self, batch: Batch, guard: Epoch | None) -> asyncio.Future[None]:
        return self._writer.save(batch, guard)

    async def fresh(self, seconds: float) -> None:
        await self._feed.fresh(seconds)

    def silent_seconds(self) -> float:
        return self._feed.silent_seconds()

    async def members(self) -> list[Member]:
        return await self._side.run(members)

    def past(self, after: int) -> Past:
        return FeedPast(self._side, after)

    def health(self) -> StoreHealth:
        return StoreHealth(error=self._writer.error or self._feed.error)

    async def close(self) -> None:
        await self._writer.close()
        await self._feed.close()
        await asyncio.to_thread(self._side.stop)

    def _lose(self, error: HistoryLost) -> None:
        if self.lost is not None:
            return
        self.lost = error
        log.critical("%s", error)
        self._writer.give_up(error)
        self.on_lost(error)

    # -- blobs

    def has_blob(self, digest: str) -> bool:
        return self._blobs.has(digest)

    async def put_blob(self, digest: str, content: bytes) -> None:
        await self._blobs.put({digest: content})

    def read_blob(self, digest: str) -> bytes:
        return self._blobs.read(digest)

    def sweep_blob(self, digest: str) -> None:
        """Others may be about to name it: see `sweep`."""

    # -- the runner's

    async def sweep(self, seconds: float = SWEEP_SECONDS) -> int:
        """Remove the blobs that no record has named for so long; return how many.

        To be called now and then, by the runner only. Raises StoreUnavailable.
        """
        return await self._blobs.sweep(self._landing.is_unused, seconds)

    async def trim(
        self,
        keep_seconds: float = trimming.KEEP_SECONDS,
        live_seconds: float = trimming.LIVE_SECONDS,
    ) -> int:
        """Remove writes that are older than `keep_seconds`, and that all daemons have seen that
        beat within `live_seconds`, from the feed; return how many.

        To be called now and then, by the runner only. Raises StoreUnavailable.
        """
        return await self._side.run(
            lambda connection: trimming.trim(connection, keep_seconds, live_seconds)
        )


def _nobody_is_told(error: HistoryLost) -> None:
    """Until the daemon says what is to be done."""
