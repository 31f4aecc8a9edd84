"""Whole stores on the move: between a state directory, a database and a backup."""

from __future__ import annotations

import asyncio
import hmac
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drydockd.errors import StoreRefused
from drydockd.store import archive
from drydockd.store.blobs import Blobs
from drydockd.store.contents import Contents, of_tables
from drydockd.store.disk import Disk, replace_file
from drydockd.store.export import lines
from drydockd.store.lines import Header
from drydockd.store.postgres import copying
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.copying import Copied, Source
from drydockd.store.postgres.making import secret_mark
from drydockd.store.recovery import Recovered, beyond, recover
from drydockd.store.statedir import Lock, StateDir
from drydockd.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Conditions:
    """`lease_seconds`: who was heard within them, is alive. `secret`: the server's, if known."""

    lease_seconds: float
    replace: bool = False
    secret: bytes | None = None


# -- into a database


async def copy_in(state: StateDir, url: str, on: Conditions) -> Copied:
    """Put all that `state` holds into the database, or nothing. No daemon runs on either.

    Raises StoreRefused, StoreUnavailable, InvalidInput, OSError.
    """
    if not state.holds_records():
        raise StoreRefused(f"{state.path} holds no records: there is no drydock.json in it")
    lock = Lock(state)
    try:
        return await _fill(url, state, await asyncio.to_thread(recover, state), on)
    finally:
        lock.release()


async def restore(file: Path, url: str, on: Conditions) -> Copied:
    """Put the backup `file` into the database, or nothing. No daemon runs on it.

    Raises as `copy_in` does, and StoreRefused if nodes have keys of another secret than
    `on.secret`.
    """
    with archive.unpacked(file, file.parent) as draft:
        found = await asyncio.to_thread(recover, draft)
        if draft.secret.exists():
            secret = bytes.fromhex(draft.secret.read_text("ascii"))
            if on.secret not in (None, secret) and found.tables.boot_contexts:
                raise StoreRefused(
                    f"{file}: the keys of its nodes are derived from its own secret, and the"
                    " daemons of this database have another one. Give them that of the backup"
                    f" (auth.secret_file): (umask 077; tar -xOf {file} secret > FILE)"
                )
            on = replace(on, secret=secret)
        return await _fill(url, draft, found, on)


async def _fill(url: str, state: StateDir, found: Recovered, on: Conditions) -> Copied:
    # Without a node that has keys, any secret will do: the first daemon says which.
    has_keys = bool(found.tables.boot_contexts)
    mark = secret_mark(on.secret) if on.secret is not None and has_keys else None
    source = Source(found.tables, Blobs(Disk(), state.blobs).read, found.seq, found.origin, mark)
    async with asked(url, "drydock store copy") as connection:
        async with copying.whole(connection):
            last = await copying.prepare(
                connection, lease_seconds=on.lease_seconds, replace=on.replace
            )
            copied = await copying.put(connection, source, last)
        # Nobody has looked at the new tables yet.
        await connection.execute("ANALYZE drydock.record, drydock.message, drydock.blob")
    return copied


# -- out of a database


@dataclass(frozen=True, slots=True)
class Moved:
    """What came into a state directory. `replaced`: the folder with what was there before."""

    copied: Copied
    replaced: Path | None
    lacks_secret: bool


async def copy_out(url: str, state: StateDir, on: Conditions) -> Moved:
    """Put all that the database holds into `state`, or nothing. No daemon runs on either.

    Raises as `copy_in` does.
    """
    disk = Disk()
    state.prepare(disk)
    lock = Lock(state)
    try:
        if state.holds_records() and not on.replace:
            raise StoreRefused(
                f"{state.path} holds records already; --replace with its name puts others in"
                " their place"
            )
        async with _looking(url, "drydock store copy") as connection:
            await copying.keep_out(connection)
            await copying.refuse_living(connection, on.lease_seconds)
            with archive.drafted(state.path) as draft:
                copied, end = await _draw(connection, draft, on.secret)
                replaced = archive.put_in_place(disk, draft, state, end)
        has_keys = copied.contents.counts["boot_contexts"] > 0
        return Moved(copied, replaced, has_keys and not state.secret.exists())
    finally:
        lock.release()


async def backup(url: str, target: Path, secret: bytes | None) -> str:
    """Write a backup of the database to `target`; return what it holds in one line.

    It is one of a state directory: `archive.restore` and `restore` read it. Works beside daemons:
    it holds all that was acknowledged when it began.
    """
    async with _looking(url, "drydock store backup") as connection:
        with archive.drafted(target.parent) as draft:
            await _draw(connection, draft, secret)
            return await asyncio.to_thread(archive.backup, draft, target)


@asynccontextmanager
async def _looking(url: str, purpose: str) -> AsyncIterator[Any]:
    async with asked(url, purpose) as connection, copying.one_moment(connection):
        yield connection


async def _draw(connection: Any, draft: StateDir, secret: bytes | None) -> tuple[Copied, Header]:
    """Fill the empty `draft`, and compare."""
    disk = Disk()
    head = await copying.head(connection)
    if secret is not None:
        _refuse_other_secret(head.secret_mark, secret)
        replace_file(disk, draft.secret, [secret.hex().encode() + b"\n"])
    tables = await copying.load(connection)
    blobs = Blobs(disk, draft.blobs)
    for digest in sorted(tables.blob_uses):
        blobs.put(digest, await copying.blob(connection, digest))
    end = Header(str(uuid.uuid4()), beyond(head.seq, head.origin), head.origin)
    archive.put_records(disk, draft, tables, end)
    del tables  # or they would be in memory twice
    before = await copying.contents(connection)
    after = await asyncio.to_thread(_contents_of, draft)
    copying.compare(before, after)
    return Copied(before, end.after, end.origin), end


def _refuse_other_secret(mark: bytes | None, secret: bytes) -> None:
    if mark is not None and not hmac.compare_digest(mark, secret_mark(secret)):
        raise StoreRefused(
            "the secret is not that of this database's daemons: the keys of nodes are derived from"
            " another one. Give the file that their auth.secret_file names"
        )


def _contents_of(state: StateDir) -> Contents:
    read = Blobs(Disk(), state.blobs).read
    return of_tables(recover(state).tables, lambda digest: len(read(digest)))


# -- lines


async def export(url: str, write: Callable[[bytes], object]) -> None:
    """Give every record as a line of JSON to `write`, as `export.export` does of a directory."""
    async with _looking(url, "drydock store export") as connection:
        await copying.head(connection)
        tables = await copying.load(connection)
        loop = asyncio.get_running_loop()

        def read_blob(digest: str) -> bytes:
            asking = copying.blob(connection, digest)
            return asyncio.run_coroutine_threadsafe(asking, loop).result()

        await asyncio.to_thread(_write_lines, tables, read_blob, write)


def _write_lines(
    tables: Tables, read_blob: Callable[[str], bytes], write: Callable[[bytes], object]
) -> None:
    for line in lines(tables, read_blob):
        write(line)
