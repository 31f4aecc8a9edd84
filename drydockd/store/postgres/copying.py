"""All of a store into a database, and out of one: row by row, compared at the end."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from drydockd.errors import StoreRefused
from drydockd.model import Task
from drydockd.store.codec import ROW_CLASSES, Row, decode_row, encode_row, key_of, with_arrival
from drydockd.store.contents import Contents, Digest, of_tables
from drydockd.store.named import blobs_named
from drydockd.store.postgres import schema
from drydockd.store.postgres.standing import alive, standing
from drydockd.store.recovery import an_origin, beyond, without_collector
from drydockd.store.tables import Tables

# What a message's document is before its tail, see rows.
_BEGIN = b'{"error":'
# Rows that are on their way at once.
_ROWS = 1000
# So long may somebody else hold what has to be locked.
_LOCK_SECONDS = 10
_RECORDS = "SELECT key, doc, arrival FROM drydock.record WHERE tab = $1 ORDER BY {order}"
_MESSAGES = "SELECT key, doc FROM drydock.message ORDER BY {order}"
_HEAD = "SELECT seq, origin, format, secret_mark FROM drydock.head"
_HELD = """
SELECT EXISTS (SELECT FROM drydock.record) OR EXISTS (SELECT FROM drydock.message)
    OR EXISTS (SELECT FROM drydock.blob)
"""
_EMPTY = """
UPDATE drydock.lease SET holder = NULL, epoch = epoch + 1, until = '-infinity';
TRUNCATE drydock.record, drydock.message, drydock.change, drydock.write, drydock.blob;
DELETE FROM drydock.member;
"""


@dataclass(frozen=True, slots=True)
class Head:
    """The one row of `head`. `seq`: of the newest write."""

    seq: int
    origin: int
    format: int
    secret_mark: bytes | None


async def head(connection: Any, *, lock: bool = False) -> Head:
    """Return it. Raises StoreRefused if it is of a newer drydockd, or is not there."""
    row = await connection.fetchrow(f"{_HEAD} FOR UPDATE" if lock else _HEAD)
    if row is None:
        raise StoreRefused("drydock.head has no row: this is no store, or half of one")
    if row["format"] > schema.FORMAT:
        raise StoreRefused(
            f"the database has format {row['format']}; this drydockd knows formats up to"
            f" {schema.FORMAT}. Use the drydock of its daemons, or a newer one"
        )
    return Head(**row)


async def refuse_living(connection: Any, lease_seconds: float) -> None:
    """Raise StoreRefused, naming them, if daemons of the database are at work."""
    if not (found := alive(await standing(connection), lease_seconds)):
        return
    names = ", ".join(f"{one.name} ({one.silent_seconds:g} s ago)" for one in found)
    raise StoreRefused(
        f"daemons of this database were heard within the last {lease_seconds:g} s: {names}. Stop"
        " all of them first, and wait that long"
    )


# -- into a database


@dataclass(frozen=True, slots=True)
class Source:
    """What is put into a database: records, their blobs, and where their numbers end."""

    tables: Tables
    read_blob: Callable[[str], bytes]
    seq: int
    origin: int
    secret_mark: bytes | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: `seq` is the number of the last write from now on."""

    contents: Contents
    seq: int
    origin: int


@asynccontextmanager
async def whole(connection: Any) -> AsyncIterator[None]:
    """All that is done to the database, or nothing of it, and nobody else's beside it."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        # Who begins a database holds it too; see schema.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", schema.LOCK)
        yield


async def prepare(connection: Any, *, lease_seconds: float, replace: bool) -> int:
    """Make the database an empty store; return the number its last write had.

    Inside of `whole`. Raises StoreRefused where a daemon lives, and where records are that are
    not to be replaced.
    """
    if not await connection.fetchval("SELECT to_regclass('drydock.head') IS NOT NULL"):
        await connection.execute(schema.statements())
        return 0
    found = await head(connection, lock=True)
    await refuse_living(connection, lease_seconds)
    if await connection.fetchval(_HELD) and not replace:
        raise StoreRefused(
            "the database holds records already; --replace with its name puts others in their"
            " place, and they are gone then"
        )
    await connection.execute(_EMPTY)
    return found.seq


async def put(connection: Any, source: Source, last: int) -> Copied:
    """Put `source` into the prepared database, whose writes ended with `last`; compare.

    Inside of `whole`. Raises StoreRefused if what is there then is not what was there before.
    """
    origin = source.origin or an_origin(source.tables)
    # Neither where it comes from, should that go on, nor what was here gave this number.
    seq = max(beyond(source.seq, origin), last + 1)
    await _copy(connection, "record", _record_rows(source.tables, seq - 1))
    await _copy(connection, "message", _message_rows(source.tables, seq - 1))
    await _copy(connection, "blob", _blob_rows(source))
    chain = hashlib.sha256(os.urandom(32)).digest()
    await connection.execute(
        "INSERT INTO drydock.write (seq, member, n, chain, at, size)"
        " VALUES ($1, 0, 0, $2, clock_timestamp(), 0)",
        *(seq, chain),
    )
    await connection.execute(
        "UPDATE drydock.head SET seq = $1, chain = $2, origin = $3, cluster = $4,"
        " secret_mark = coalesce($5, secret_mark)",
        *(seq, chain, origin, str(uuid.uuid4()), source.secret_mark),
    )
    before = of_tables(source.tables, lambda digest: len(source.read_blob(digest)))
    compare(before, await contents(connection))
    return Copied(before, seq, origin)


def compare(before: Contents, after: Contents) -> None:
    """Raise StoreRefused, saying in what, if a copy is not what was copied."""
    if difference := after.difference(before):
        raise StoreRefused(
            f"what was copied is not what was there: {difference}. Nothing was changed"
        )


async def _copy(connection: Any, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    columns = {
        "record": ("tab", "key", "seq", "doc", "arrival", "place"),
        "message": ("seq", "ord", "key", "doc"),
        "blob": ("digest", "content", "put"),
    }
    await connection.copy_records_to_table(
        table, schema_name="drydock", columns=columns[table], records=rows, timeout=None
    )


def _record_rows(tables: Tables, seq: int) -> Iterator[tuple[Any, ...]]:
    """A top-level task keeps its number; all else stands, in its table, where it stood."""
    arrival = min(tables.arrival.values(), default=0)
    place = 0
    for table, rows in tables.rows.items():
        for key, row in rows.items():
            arrival = tables.arrival.get(key, arrival) if table == "tasks" else arrival
            yield table, key, seq, encode_row(table, row), arrival, place
            place += 1


def _message_rows(tables: Tables, seq: int) -> Iterator[tuple[Any, ...]]:
    place = 0
    for task_id, log in tables.logs.items():
        for tail in log.tails:
            yield seq, place, task_id, _BEGIN + tail
            place += 1


def _blob_rows(source: Source) -> Iterator[tuple[Any, ...]]:
    now = datetime.now(UTC)
    for digest in sorted(source.tables.blob_uses):
        yield digest, source.read_blob(digest), now


# -- out of a database


@asynccontextmanager
async def one_moment(connection: Any) -> AsyncIterator[None]:
    """All that is read is of one moment; nothing is written, nobody waits."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        yield


async def keep_out(connection: Any) -> None:
    """Let no daemon begin on the database until the transaction ends. Raises StoreRefused.

    To be asked first: what is read is of the moment of the first question.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", schema.LOCK):
        raise StoreRefused("a daemon, or another copy, is just beginning on the database")


async def load(connection: Any) -> Tables:
    """Return all records. Raises StoreRefused for what makes no sense."""
    tables = Tables()
    with without_collector():
        for table in ROW_CLASSES:
            async for _, row, arrival in rows(connection, table, "arrival, place, key"):
                tables.load(table, row, arrival)
        async for key, tail in messages(connection, "seq, ord"):
            if key not in tables.tasks:
                raise StoreRefused(f"a message of task {key}, which is not there; {_CHECK}")
            tables.append_message(key, tail)
    return tables


_CHECK = "see `drydock store check`"


async def rows(
    connection: Any, table: str, order: str, spoilt: list[str] | None = None
) -> AsyncIterator[tuple[str, Row, int]]:
    """Yield key, row and arrival.

    What makes no sense is told to `spoilt`; without it, StoreRefused is raised.
    """
    sql = _RECORDS.format(order=order)
    async for key, doc, arrival in connection.cursor(sql, table, prefetch=_ROWS):
        try:
            row = decode_row(table, orjson.loads(doc))
            if key_of(table, row) != key:
                raise StoreRefused(f"it is that of {key_of(table, row)}")
        except (StoreRefused, ValueError) as error:
            if spoilt is None:
                raise StoreRefused(f"{table} {key}: {error}; {_CHECK}") from None
            spoilt.append(f"{table} {key}: {error}")
        else:
            yield key, row, arrival


async def messages(connection: Any, order: str) -> AsyncIterator[tuple[str, bytes]]:
    """Yield task and tail."""
    async for key, doc in connection.cursor(_MESSAGES.format(order=order), prefetch=_ROWS):
        yield key, bytes(doc[len(_BEGIN) :])


async def blob(connection: Any, digest: str) -> bytes:
    """Raises StoreRefused if it is not there, or not what it was."""
    content = await connection.fetchval(
        "SELECT content FROM drydock.blob WHERE digest = $1", digest
    )
    if content is None:
        raise StoreRefused(f"the blob {digest} is missing, and records name it; {_CHECK}")
    if hashlib.sha256(content).hexdigest() != digest:
        raise StoreRefused(f"the blob {digest} is damaged: it does not match its name; {_CHECK}")
    return bytes(content)


def document(table: str, row: Row, arrival: int) -> bytes:
    """Return the document of a row as the file of a state directory would have it."""
    is_root = isinstance(row, Task) and row.parent_task_id is None
    return with_arrival(encode_row(table, row), arrival if is_root else None)


async def add_messages(connection: Any, digest: Digest) -> None:
    task, seq = "", 0
    async for key, tail in messages(connection, 'key COLLATE "C", seq, ord'):
        task, seq = key, seq + 1 if key == task else 1
        digest.add_message(key, seq, tail)


async def contents(connection: Any) -> Contents:
    """Return what the database holds, read from it row by row."""
    digest = Digest()
    named: set[str] = set()
    for table in ROW_CLASSES:
        async for _, row, arrival in rows(connection, table, 'key COLLATE "C"'):
            named.update(blobs_named(row))
            digest.add_row(table, document(table, row, arrival))
    await add_messages(connection, digest)
    for name in sorted(named):
        digest.add_blob(name, len(await blob(connection, name)))
    return digest.contents()
