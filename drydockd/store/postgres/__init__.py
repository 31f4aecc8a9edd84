"""The backend `postgres`: a totally ordered journal in PostgreSQL, that several daemons share."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drydockd.errors import StoreUnavailable
from drydockd.store.backend import Loaded
from drydockd.store.postgres import sql
from drydockd.store.postgres.address import place
from drydockd.store.postgres.backend import PostgresBackend
from drydockd.store.postgres.checks import check_pooler, check_server
from drydockd.store.postgres.connect import connect, is_away, library, told
from drydockd.store.postgres.join import Membership
from drydockd.store.postgres.loading import load
from drydockd.store.postgres.making import prepare
from drydockd.store.postgres.replica import HistoryLost, Replica

__all__ = ["HistoryLost", "PostgresBackend", "open_backend"]


async def open_backend(
    path: Path | None = None,
    *,
    url: str,
    name: str,
    address: str = "",
    version: str = "",
    secret_mark: bytes | None = None,
    patience: float = 10.0,
    on_lost: Callable[[HistoryLost], None] | None = None,
    **options: object,
) -> tuple[PostgresBackend, Loaded]:
    """Join the daemons of the database `url` as the member `name`; `path` is not used.

    The first one makes the schema. `address`: where the other daemons reach this one.
    `secret_mark`: what its secret says of itself, the same for all. Writes that cannot be sent
    are refused after `patience` seconds. `on_lost`: see PostgresBackend.

    Raises StoreRefused for a database that must not be used so, StoreUnavailable when it does
    not answer, InvalidInput for a URL that cannot be read.
    """
    opened: list[Any] = []
    try:
        return await _open(opened, url, name, address, version, secret_mark, patience, on_lost)
    except BaseException as error:
        for connection in opened:
            connection.terminate()
        if is_away(error) or isinstance(error, library().PostgresError):
            raise StoreUnavailable(
                f"{place(url)} cannot be used: {told(error, url)} (store.url)"
            ) from None
        raise


async def _open(
    opened: list[Any],
    url: str,
    name: str,
    address: str,
    version: str,
    secret_mark: bytes | None,
    patience: float,
    on_lost: Callable[[HistoryLost], None] | None,
) -> tuple[PostgresBackend, Loaded]:
    reading = await connect(url, purpose=f"{name}/feed")
    opened.append(reading)
    await check_server(reading, url)
    await check_pooler(reading, url)
    await prepare(reading, url, secret_mark)
    process = uuid.uuid4()
    row = await reading.fetchrow(sql.ENTER, name, process, address, version)
    who = Membership(url, name, row["id"], process, row["session"])
    first_n = 1 + await reading.fetchval(sql.LAST_N, who.member)
    writing = await connect(url, purpose=f"{name}/write")
    opened.append(writing)
    loaded, chain = await load(reading)
    replica = Replica(loaded.tables, who.member, loaded.seq, chain)
    backend = PostgresBackend(
        who, loaded.tables, replica, (reading, writing), patience=patience, first_n=first_n
    )
    backend.on_lost = on_lost or backend.on_lost
    try:
        await backend.listen()
    except BaseException:
        await backend.close()
        raise
    return backend, loaded
