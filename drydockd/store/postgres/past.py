"""Writes of the past, read again from the database as long as it keeps them."""

from __future__ import annotations

from typing import Any

import orjson

from drydockd.model import BootAction, Task
from drydockd.store import codec
from drydockd.store.codec import MESSAGES
from drydockd.store.past import Past, PastWrite, Telling, WritesGone
from drydockd.store.postgres import sql
from drydockd.store.postgres.rows import Written, tail_of, written
from drydockd.store.postgres.side import Side

_PIECE_BYTES = 256 << 10
_TOLD = ("tasks", "boot_actions")
# How many messages a task had before a write.
_BEFORE = """
SELECT key, (SELECT count(*) FROM drydock.message m WHERE m.key = k.key AND m.seq < k.seq) AS count
FROM unnest($1::text[], $2::bigint[]) k (key, seq)
"""
_FIRST = "SELECT min(seq) FROM drydock.write"


class FeedPast(Past):
    """Reads what the feed was made of, behind the write `after`."""

    def __init__(self, side: Side, after: int) -> None:
        self._side = side
        self._seq = after

    def close(self) -> None:
        """Nothing is held."""

    def read(self, until: int) -> list[PastWrite]:
        """As Past.read; raises StoreUnavailable too."""
        if self._seq >= until:
            return []
        lines, counts, first = self._side.ask(self._fetch)
        writes = list(written(lines))
        if not writes or writes[0].seq != self._seq + 1:
            self._seq = min(until, (first or until + 1) - 1)
            raise WritesGone(self._seq)
        found = [_told(write, counts) for write in writes if write.seq <= until]
        self._seq = found[-1].seq
        return found

    async def _fetch(self, connection: Any) -> tuple[list[Any], dict[str, int], int | None]:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            lines = await connection.fetch(sql.FEED, self._seq, _PIECE_BYTES)
            first_said: dict[str, int] = {}
            for line in lines:
                if line[2] == MESSAGES:
                    first_said.setdefault(line[3], line[0])
            rows = await connection.fetch(_BEFORE, list(first_said), list(first_said.values()))
            first = await connection.fetchval(_FIRST)
        return lines, {row["key"]: row["count"] for row in rows}, first


def _told(write: Written, counts: dict[str, int]) -> PastWrite:
    """Return what a write left; `counts` grow by its messages."""
    records: list[Telling] = []
    for _, _, table, key, doc in write.lines:
        if table == MESSAGES:
            counts[key] += 1
            records.append(codec.decode_message(key, counts[key], tail_of(doc)))
        elif doc is None and table == "tasks":
            counts[key] = 0
        elif doc is not None and table in _TOLD:
            row = codec.decode_row(table, orjson.loads(doc))
            if isinstance(row, Task | BootAction):
                records.append(row)
    return PastWrite(write.seq, records)
