"""All records, as of one moment of the database."""

from __future__ import annotations

import gc
from typing import Any

import orjson

from drydockd.store.backend import Loaded
from drydockd.store.codec import decode_row
from drydockd.store.postgres import sql
from drydockd.store.postgres.rows import tail_of
from drydockd.store.tables import Tables

# Rows that are fetched at once.
RECORDS, MESSAGES = 2000, 5000
# From so many records on the collector is told to leave them alone.
_MANY = 10_000

_RECORDS = "SELECT tab, key, doc, arrival FROM drydock.record ORDER BY arrival, place"
_MESSAGES = "SELECT key, doc FROM drydock.message ORDER BY seq, ord"


async def load(connection: Any) -> tuple[Loaded, bytes]:
    """Return what there is, and the chain of its newest write. Raises StoreRefused."""
    was_enabled = gc.isenabled()
    gc.disable()  # everything made here stays
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            head = await connection.fetchrow(sql.HEAD)
            tables = Tables()
            async for row in connection.cursor(_RECORDS, prefetch=RECORDS):
                table, key, doc, arrival = row
                tables.put(table, key, decode_row(table, orjson.loads(doc)), arrival)
            async for row in connection.cursor(_MESSAGES, prefetch=MESSAGES):
                tables.append_message(row[0], tail_of(row[1]))
    finally:
        if was_enabled:
            gc.enable()
    if len(tables.tasks) + tables.message_count > _MANY:
        gc.freeze()
    return Loaded(tables, head["seq"], head["origin"]), bytes(head["chain"])
