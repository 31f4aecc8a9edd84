"""The lease in PostgreSQL: one row, changed by one function, by the server's clock alone.

Each daemon has a connection of its own for it, so that no write under way holds up a beat.
Source: contract, scale, sections 3 and 6.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from drydockd.errors import StoreUnavailable
from drydockd.store.base import Epoch
from drydockd.store.lease import Beat, Report
from drydockd.store.postgres import sql
from drydockd.store.postgres.connect import library

# clock_timestamp and not now(): the call may have waited for a row.
# A holder proves itself by its epoch: one of its name that was started again, or the same one
# after its answer was lost, waits for the end like everybody.
# The rows are locked in the order of `schema`. Whoever ends an epoch has the row of `head`, so
# that each write guarded by that epoch is done before, or refused.
BEAT = """
CREATE FUNCTION drydock.beat(
    me int, held bigint, applied_ bigint, settings_ text, ttl float8, wants boolean,
    OUT epoch bigint, OUT runner text, OUT before text, OUT now_seconds float8, OUT live int
) LANGUAGE plpgsql AS $$
DECLARE
    lease_ drydock.lease%ROWTYPE;
    may_end boolean;
    is_mine boolean;
    at timestamptz;
    more interval := make_interval(secs => ttl);
BEGIN
    SELECT l.until < clock_timestamp() AND (wants OR l.holder = me AND l.epoch = held)
        INTO STRICT may_end FROM drydock.lease l WHERE l.name = 'runner';
    IF may_end THEN
        QUEUE
        PERFORM 1 FROM drydock.head FOR UPDATE;
    END IF;
    UPDATE drydock.member m SET beat = clock_timestamp(), applied = applied_, settings = settings_
        WHERE m.id = me;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no member %', me;
    END IF;
    SELECT * INTO STRICT lease_ FROM drydock.lease l WHERE l.name = 'runner' FOR UPDATE;
    at := clock_timestamp();
    is_mine := coalesce(lease_.holder = me AND lease_.epoch = held, false);
    IF is_mine AND lease_.until >= at THEN
        epoch := lease_.epoch;
    ELSIF may_end AND lease_.until < at AND (wants OR is_mine) THEN
        epoch := lease_.epoch + 1;
        SELECT m.name INTO before FROM drydock.member m WHERE m.id = lease_.holder;
    END IF;
    IF epoch IS NOT NULL THEN
        UPDATE drydock.lease l SET holder = me, epoch = beat.epoch, until = at + more
            WHERE l.name = 'runner';
    END IF;
    SELECT m.name INTO runner FROM drydock.lease l JOIN drydock.member m ON m.id = l.holder
        WHERE l.name = 'runner' AND l.until >= at;
    SELECT count(*) INTO live FROM drydock.member m WHERE m.beat > at - 3 * more;
    now_seconds := extract(epoch FROM clock_timestamp());
END $$;
""".replace("QUEUE", sql.QUEUE)
LEAVE = """
CREATE FUNCTION drydock.leave(me int, held bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE drydock.lease SET until = clock_timestamp()
        WHERE name = 'runner' AND holder = me AND epoch = held AND until > clock_timestamp();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_notify('drydock_lease', held::text);
    RETURN true;
END $$;
"""
SQL = BEAT + LEAVE
CHANNEL = "drydock_lease"
# Connections are called "<name of the daemon>/<purpose>"; see connect.
TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND regexp_replace(application_name, '/[^/]*$', '') = $1
"""


class PostgresKeeper:
    """The Keeper of the member of id `member`, called `name`. `connect` makes its connection."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], member: int, name: str) -> None:
        self._connect = connect
        self._member = member
        self._name = name
        self._held = 0
        self._before: str | None = None
        self._connection: Any | None = None
        self._freed: Callable[[], None] = lambda: None

    def when_freed(self, freed: Callable[[], None]) -> None:
        """Call `freed` each time somebody gives the lease away."""
        self._freed = freed

    async def beat(self, report: Report, ttl: float, *, wants: bool) -> Beat:
        await self._opened()  # which may take long, and says nothing of the clock
        began = time.time()
        settings = json.dumps(dict(report.settings), sort_keys=True)
        row = await self._ask(
            "SELECT * FROM drydock.beat($1, $2, $3, $4, $5, $6)",
            *(self._member, self._held, report.applied, settings, float(ttl), wants),
        )
        if row["epoch"] not in (None, self._held):
            self._before = row["before"]
        self._held = row["epoch"] or 0
        return Beat(
            epoch=Epoch(self._held) if self._held else None,
            runner=row["runner"],
            # The server looked at its clock about half-way.
            offset_seconds=row["now_seconds"] - (began + time.time()) / 2,
            live=row["live"],
        )

    async def take_over(self) -> str | None:
        before = self._before
        if before is not None and before != self._name:
            # Those of an earlier life of our own were refused from our join on.
            await self._ask(TERMINATE, before)
        return before

    async def leave(self) -> None:
        held, self._held = self._held, 0
        if held:
            await self._ask("SELECT drydock.leave($1, $2)", self._member, held)

    async def close(self) -> None:
        self._drop()

    async def _ask(self, query: str, *values: object) -> Any:
        """Ask once, on a connection made anew after any error. Raises StoreUnavailable.

        Cancelled, it closes the connection: asyncpg would have the server cancel the statement,
        and it then reports as done what no standby has.
        """
        connection = await self._opened()
        asking = asyncio.ensure_future(connection.fetchrow(query, *values))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._drop()
            asking.add_done_callback(_seen)
            raise
        except _errors() as error:
            self._drop()
            raise _unavailable(error) from error

    async def _opened(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = None
            connection = await self._made()
            try:
                await connection.add_listener(CHANNEL, self._heard)
            except _errors() as error:
                connection.terminate()
                raise _unavailable(error) from error
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    async def _made(self) -> Any:
        try:
            return await self._connect()
        except _errors() as error:
            raise _unavailable(error) from error

    def _heard(self, *_: object) -> None:
        self._freed()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _errors() -> tuple[type[BaseException], ...]:
    asyncpg = library()
    return (
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        # A connection that the server ends while it is asked something.
        asyncpg.InternalClientError,
    )


def _unavailable(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(f"PostgreSQL: {str(error) or type(error).__name__}")


def _seen(asking: asyncio.Future[Any]) -> None:
    """Looked at, so that nobody complains of an error that nobody saw."""
    _ = asking.cancelled() or asking.exception()
