"""The schema of a database is made by the first daemon, and checked by all others."""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import Any

from drydockd.errors import StoreRefused
from drydockd.store.postgres import sql
from drydockd.store.postgres.address import place
from drydockd.store.postgres.schema import FORMAT, LOCK, statements

log = logging.getLogger(__name__)

_LABEL = b"drydockd cluster"
_IS_THERE = "SELECT to_regclass('drydock.head') IS NOT NULL"
_MARK = "UPDATE drydock.head SET secret_mark = $1"


def secret_mark(secret: bytes) -> bytes:
    """Return what the database keeps of the server's secret, to refuse a daemon with another."""
    return hmac.digest(secret, _LABEL, hashlib.sha256)


class OtherSecret(StoreRefused):
    """The daemons of this database have another secret; whoever has the file names it."""


async def prepare(connection: Any, url: str, secret_mark: bytes | None) -> None:
    """Make the schema unless it is there; compare format and secret. Raises StoreRefused.

    `secret_mark`: what the daemon's secret says of itself; the first one told is kept.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        if not await connection.fetchval(_IS_THERE):
            await connection.execute(statements())
            log.info("%s: made the schema drydock", place(url))
        head = await connection.fetchrow(sql.HEAD)
        _check_format(head["format"], url)
        if head["secret_mark"] is None and secret_mark is not None:
            await connection.execute(_MARK, secret_mark)
        elif secret_mark is not None and bytes(head["secret_mark"]) != secret_mark:
            raise OtherSecret(
                f"{place(url)} belongs to daemons with another secret. Give every daemon of a"
                " cluster the same file (auth.secret_file), and each cluster a database of its own"
                " (store.url)"
            )


def _check_format(found: int, url: str) -> None:
    if found > FORMAT:
        raise StoreRefused(
            f"{place(url)} has format {found}; this drydockd knows formats up to {FORMAT}."
            " Install the drydockd that the other daemons are, or a newer one"
        )
