"""What is looked at before a database is used: its version, its durability, who stands between."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from drydockd.errors import StoreRefused
from drydockd.store.postgres.address import place
from drydockd.store.postgres.connect import connect, is_unsafe

log = logging.getLogger(__name__)

OLDEST = 140000
_SETTINGS = """
SELECT name, setting FROM pg_settings WHERE name IN (
    'server_version_num', 'server_version', 'server_encoding', 'fsync', 'full_page_writes',
    'synchronous_commit', 'synchronous_standby_names')
"""
# What a server must not be without, and what is lost without it.
_NEEDED = {
    "fsync": "a power cut or a crash of the machine may damage all of it",
    "full_page_writes": "a power cut may damage all of it",
    "synchronous_commit": "a crash loses writes that were acknowledged",
}
_SYNCHRONOUS = ("on", "remote_apply")


async def check_server(connection: Any, url: str) -> None:
    """Raise StoreRefused if acknowledged writes may be lost; warn if only one server has them."""
    found = {row["name"]: row["setting"] for row in await connection.fetch(_SETTINGS)}
    where = place(url)
    if int(found["server_version_num"]) < OLDEST:
        raise StoreRefused(
            f"{where}: PostgreSQL is {found['server_version']}; drydockd needs 14 or newer"
        )
    if found["server_encoding"] != "UTF8":
        raise StoreRefused(f"{where}: the database's encoding must be UTF8: CREATE DATABASE ...")
    for name, loss in _NEEDED.items():
        if found[name] not in _SYNCHRONOUS:
            _unsafe(f"{where}: {name} is {found[name]}: {loss}. Set {name} = on", url)
    if not found["synchronous_standby_names"]:
        log.warning(
            "%s has no synchronous standby: if that server's disk is lost, or another one takes"
            " over, writes that were acknowledged are lost; see synchronous_standby_names",
            where,
        )


def _unsafe(text: str, url: str) -> None:
    if not is_unsafe(url):
        raise StoreRefused(f"{text}, or say with durable=no in store.url that it may be")
    log.warning("%s", text)


async def check_pooler(connection: Any, url: str) -> None:
    """Raise StoreRefused if two connections share a session, as poolers by transaction have it."""
    if connection.get_server_pid() == await connection.fetchval("SELECT pg_backend_pid()"):
        return
    mark = secrets.token_hex(8)
    other = await connect(url, purpose="drydockd/check")
    try:
        await connection.execute("SELECT set_config('drydock.mark', $1, false)", mark)
        async with other.transaction():
            # In a pool this holds the session that the statement above was given.
            others = await other.fetchval("SELECT current_setting('drydock.mark', true)")
            mine = await connection.fetchval("SELECT current_setting('drydock.mark', true)")
    finally:
        other.terminate()
    if others == mark or mine != mark:
        raise StoreRefused(
            f"{place(url)} is a pooler that shares sessions by transaction: notifications are"
            " lost in it. Say the server itself, or let it pool by session"
        )
