"""The original's database: one connection, one moment of it, rows as they come by cursors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from typing import Any

from drydockd.errors import InvalidInput, Unavailable
from drydockd.migrate import queries
from drydockd.migrate.queries import Table
from drydockd.migrate.rows import Row
from drydockd.store.postgres.address import dsn, shown_url, without_secrets
from drydockd.store.postgres.connect import dialled

EXTRA = "pip install 'drydockd[migrate]'"
CONNECT_SECONDS = 30
# Rows that are fetched at once; of build data, where one may be 16 MiB, fewer.
BATCH, BUILD_DATA_BATCH = 500, 4


class Original:
    """What the original keeps, all of it as of one moment. See `opened`."""

    def __init__(self, connection: Any, columns: dict[str, list[str]], url: str) -> None:
        self._connection = connection
        self._columns = columns
        self._url = url

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator[Original]:
        """Connect, and look at the database as it is now: nothing is written, nothing locked.

        TLS is as libpq has it: `sslmode`, `sslrootcert`, ... in the URL, or PGSSLMODE and so on
        in the environment. Raises InvalidInput for a URL that is none, and for a database that
        is not the original's, Unavailable where it does not answer; neither tells the password.
        """
        _asyncpg()
        library_url = dsn(url)
        with _told(url):
            connection = await dialled(
                library_url,
                timeout=CONNECT_SECONDS,
                server_settings={
                    "timezone": "UTC",
                    "datestyle": "ISO, YMD",
                    "application_name": "drydock migrate",
                },
            )
        try:
            with _told(url):
                await connection.transaction(isolation="repeatable_read", readonly=True).start()
                columns = {
                    table.name: [r[0] for r in await connection.fetch(queries.COLUMNS, table.name)]
                    for table in queries.TABLES
                }
            _refuse_strangers(columns, url)
            yield cls(connection, columns, url)
        finally:
            connection.terminate()  # nothing was written that the server would have to undo

    async def is_encrypted(self) -> bool:
        """Whether the connection is by TLS."""
        with _told(self._url):
            return bool(await self._connection.fetchval(queries.ENCRYPTED))

    def has(self, table: Table) -> bool:
        return bool(self._columns[table.name])

    async def count(self, table: Table) -> int:
        with _told(self._url):
            return int(await self._connection.fetchval(queries.count(table)))

    async def seconds_since_alive(self) -> int | None:
        """How long ago an original said that it is at work; None: none ever did."""
        with _told(self._url):
            if not await self._connection.fetch(queries.COLUMNS, "active_instance"):
                return None
            found: int | None = await self._connection.fetchval(queries.ALIVE)
            return found

    async def references(self) -> AsyncIterator[str]:
        """Every design that some task named, once, in no order."""
        async for row in self._rows(queries.REFERENCES):
            yield row["design_ref"]

    def tasks(self) -> AsyncIterator[Row]:
        """Tasks, parents first, then as they were created. Each has its `place` in that order."""
        return self._rows(queries.tasks(self._columns))

    def messages(self) -> AsyncIterator[Row]:
        """Messages in the order of their tasks, whose `place` they have, then of their sequence."""
        return self._rows(queries.messages(self._columns))

    def contexts(self) -> AsyncIterator[Row]:
        return self._rows(queries.contexts(self._columns))

    def actions(self) -> AsyncIterator[Row]:
        """Boot actions as they were made: their ids begin with the time."""
        return self._rows(queries.actions(self._columns))

    def build_data(self) -> AsyncIterator[Row]:
        return self._rows(queries.build_data(self._columns), BUILD_DATA_BATCH)

    async def _rows(self, sql: str, batch: int = BATCH) -> AsyncIterator[Row]:
        with _told(self._url):
            async for row in self._connection.cursor(sql, prefetch=batch):
                yield row


def _refuse_strangers(columns: dict[str, list[str]], url: str) -> None:
    if not columns["tasks"]:
        raise InvalidInput(f"{shown_url(url)} is no database of the original: no table tasks")
    for table in queries.TABLES:
        missing = table.missing(columns[table.name]) if columns[table.name] else []
        if missing:
            raise InvalidInput(
                f"{shown_url(url)} has no schema of the original that is known: table "
                f"{table.name} has no {', '.join(missing)}"
            )


def _asyncpg() -> Any:
    try:
        return import_module("asyncpg")
    except ModuleNotFoundError:
        raise InvalidInput(f"reading the original's database needs asyncpg: {EXTRA}") from None


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Errors of the database are sentences without its password."""
    asyncpg = _asyncpg()
    try:
        yield
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        text = str(error) or type(error).__name__
        raise Unavailable(f"{shown_url(url)}: {without_secrets(text, url)}") from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise Unavailable(f"{shown_url(url)}: {without_secrets(str(error), url)}") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{shown_url(url)}: a text is not UTF-8: {error.reason}") from None
