"""The one order in memory: own writes and others' land as the database numbered them."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, Protocol

from drydockd.store.backend import Landing
from drydockd.store.postgres import sql
from drydockd.store.postgres.connect import within
from drydockd.store.postgres.loading import load
from drydockd.store.postgres.reloading import overtake
from drydockd.store.postgres.rows import (
    Line,
    Written,
    answered,
    foreign,
    link,
    messages_of,
    settle,
    written,
)
from drydockd.store.staging import Batch
from drydockd.store.tables import Tables

log = logging.getLogger(__name__)

# So much is fetched at a time, so many changes land in one turn of the loop.
SLICE_BYTES = 1 << 20
TURN = 256
# A slice that does not come within this is not coming.
FETCH_SECONDS = 10.0

_seq = itemgetter(0)


class HistoryLost(Exception):
    """What is in memory is not what the database holds: the daemon has to begin anew."""


FORGOTTEN = (
    "it lost writes that were acknowledged, as when a backup is restored or a standby takes over"
    " that had not confirmed them. This daemon starts anew with what there is; tasks that ran"
    " since may have to be looked at"
)


class _Trimmed(Exception):
    """Writes that come next are kept no more."""


class Sent(Protocol):
    """An own write on its way. That it landed is no proof that a standby has it: its caller is
    told when the answer comes, or the next connection has joined."""

    batch: Batch
    has_landed: bool


class Replica:
    """What one daemon has seen of the order; `seq`: up to which write.

    `pending`: own writes on their way, by their number. `is_dirty`: something that is staged was
    evaluated on what another daemon has changed since. `doubtful`: of those on their way only the
    answer tells what became of them, as the database has forgotten writes of that time.
    `whole_at`: when, by the loop's clock, the database told last all there was.
    `heard`: called when the database has said something. `is_answer_due`: whether a group of own
    writes is on its way, whose answer tells what others wrote before it; `answered`: called when
    it has come, or comes no more.
    """

    def __init__(self, tables: Tables, member: int, seq: int, chain: bytes) -> None:
        self.member = member
        self.seq = seq
        self.known = (seq, chain)  # the newest write, and its chain
        self.pending: dict[int, Sent] = {}
        self.doubtful: set[int] = set()
        self.is_dirty = False
        self.whole_at = 0.0
        self.heard: Callable[[], None] = lambda: None
        self.is_answer_due: Callable[[], bool] = lambda: False
        self.answered: Callable[[], None] = lambda: None
        self._tables = tables
        self._order = asyncio.Lock()

    def begin(self, landing: Landing) -> None:
        self._landing = landing

    async def catch_up(self, connection: Any) -> None:
        """Land all that was committed before the call. Raises HistoryLost, and as `connection`.

        Where the writes that come next are kept no more all records are read instead.
        """
        while True:
            before = self.seq
            asking = connection.fetch(sql.FEED, before, SLICE_BYTES)
            lines = await within(connection, FETCH_SECONDS, asking)
            self.heard()
            try:
                writes = await self.apply_lines(lines)
            except _Trimmed:
                await self._reload(connection)
                continue
            is_first = not lines or (writes and writes[0].seq == before + 1)
            is_full = sum([write.size for write in writes]) >= SLICE_BYTES
            if is_first and len(writes) < sql.FEED_WRITES and not is_full:
                self.whole_at = asyncio.get_running_loop().time()
                return

    async def apply_lines(self, lines: Sequence[Line]) -> list[Written]:
        """Land what the database told, as `apply`; return the writes that had not landed.

        The feed and a new connection may tell the same: it is taken apart once.
        """
        async with self._order:
            known = bisect_right(lines, self.seq, key=_seq)
            writes = written(lines[known:] if known else lines)
            await self._apply(writes, is_one_answer=True)
            return writes

    async def apply_answer(self, base: int, heads: bytes, lines: Iterable[Sequence[Any]]) -> None:
        """Land what an answer told of the writes behind `base` (rows.answered), as `apply`."""
        async with self._order:
            await self._apply(answered(base, heads, lines), is_one_answer=True)

    async def apply(self, writes: Iterable[Written]) -> None:
        """Land those of `writes` that have not landed, each once, in order."""
        async with self._order:
            await self._apply(writes, is_one_answer=False)

    async def _apply(self, writes: Iterable[Written], *, is_one_answer: bool) -> None:
        landed = 0
        follows = False
        for write in writes:
            if write.seq <= self.seq:
                continue
            if write.seq != self.seq + 1:
                raise _Trimmed
            chain = write.chain if follows and write.chain else self._link(write)
            # The database made a chain of what it holds: where one follows, the next ones do.
            follows = is_one_answer
            said = messages_of(write.lines) if write.member != self.member else None
            if said is None:
                landed += await self._land(write)
            else:
                self._landing.land_messages(said)
                landed += len(said)
            self.seq = write.seq
            self.known = (write.seq, chain)
            if landed >= TURN:
                landed = 0
                await asyncio.sleep(0)

    def _link(self, write: Written) -> bytes:
        """Return the chain of a write behind the newest one. Raises HistoryLost."""
        chain = link(self.known[1], write)
        if write.chain not in (None, chain):
            raise HistoryLost(
                f"write {write.seq} of the database does not follow the one that was seen here"
                f" before it: {FORGOTTEN}"
            )
        return chain

    async def _land(self, write: Written) -> int:
        """Return how many changes it is of."""
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
        if sent is not None:
            sent.has_landed = True
        return count

    async def _reload(self, connection: Any) -> None:
        async with self._order:
            before = self.seq
            loaded, chain = await load(connection)
            if loaded.seq <= before:
                return
            log.warning("writes %d to %d are kept no more: all is read", before + 1, loaded.seq)
            numbers = list(self.pending)
            found = await connection.fetch(sql.MINE, self.member, numbers)
            self._landing.leap(loaded.seq, overtake(self._tables, loaded.tables))
            self.seq = loaded.seq
            self.known = (loaded.seq, chain)
            self.is_dirty = True
            for row in found:
                self.pending.pop(row["n"]).has_landed = True
            self.doubtful = set(self.pending)
