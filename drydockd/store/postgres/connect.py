"""Connections to PostgreSQL: how they are made, and what their errors mean."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Coroutine
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from drydockd.errors import InvalidInput
from drydockd.store.postgres.address import place, without_secrets

T = TypeVar("T")

EXTRA = "pip install 'drydockd[postgres]'"
CONNECT_SECONDS = 5.0
# A peer that is gone without a word is noticed in so many seconds.
USER_TIMEOUT_SECONDS, KEEPALIVE_SECONDS, KEEPALIVES = 5, 2, 2
# Said in the URL by whoever knows that an acknowledged write may be lost; not PostgreSQL's own.
NOT_DURABLE = ("durable", "no")
_NAME_BYTES = 63
_SETTINGS = {
    # A statement that writes is never broken off: see writer.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_connection_check_interval": "2000",
    "tcp_keepalives_idle": str(KEEPALIVE_SECONDS),
    "tcp_keepalives_interval": str(KEEPALIVE_SECONDS),
    "tcp_keepalives_count": str(KEEPALIVES),
    "tcp_user_timeout": str(USER_TIMEOUT_SECONDS * 1000),
    # The tables' sizes are not known to a planner that saw them empty.
    "enable_seqscan": "off",
    "jit": "off",
    # They are few, the same all the time, and go by indexes: nothing is won by planning them anew.
    "plan_cache_mode": "force_generic_plan",
}
# The server goes away, is not there yet, or may not be written (a standby).
_AWAY = re.compile(r"08...|57P0[1-5]|25006")


def library() -> Any:
    """Return asyncpg. Raises InvalidInput where it is not installed."""
    try:
        return import_module("asyncpg")
    except ModuleNotFoundError:
        raise InvalidInput(f"store.backend postgres needs asyncpg: {EXTRA}") from None


async def connect(url: str, *, purpose: str) -> Any:
    """Return a connection to the database `url`; its name in pg_stat_activity is `purpose`.

    For what a daemon named NAME does the purposes are ``NAME/write``, ``NAME/feed`` and so on.
    A peer that falls silent ends it after some seconds. Raises OSError, TimeoutError and asyncpg's
    errors, InvalidInput for a URL that cannot be read.
    """
    asyncpg = library()
    name = purpose.encode()[:_NAME_BYTES].decode("utf-8", "ignore")
    settings = _SETTINGS | {"application_name": name}
    try:
        connection = await dialled(_plain(url), timeout=CONNECT_SECONDS, server_settings=settings)
    except asyncpg.UndefinedObjectError as error:
        raise InvalidInput(
            f"store.url {place(url)}: PostgreSQL 14 or newer is needed ({told(error, url)})"
        ) from None
    except (asyncpg.ClientConfigurationError, ValueError) as error:
        raise InvalidInput(f"store.url {place(url)} cannot be used: {told(error, url)}") from None
    _watch_peer(connection)
    return connection


async def dialled(url: str, **options: Any) -> Any:
    """Return what asyncpg connects to `url`, with its `options`; of all else it tried nothing is
    left. Raises as asyncpg does.

    By itself it says goodbye to a peer that refuses by TLS, or is silent, and the loop keeps that
    connection until the peer answers, or half a minute; a loop that ends before leaves it open.
    """
    loop = _Dialling(asyncio.get_running_loop())
    used = None
    try:
        connection = await library().connect(url, loop=loop, **options)
        used = connection._transport.get_extra_info("socket")
    finally:
        loop.drop_all_but(used)
    connection._loop = loop.real
    return connection


class _Dialling:
    """The loop, as asyncpg is given it to connect: it knows which transports were made by that."""

    def __init__(self, real: asyncio.AbstractEventLoop) -> None:
        self.real = real
        self._made: list[asyncio.BaseTransport] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def create_connection(self, *what: Any, **options: Any) -> Any:
        transport, protocol = await self.real.create_connection(*what, **options)
        self._made.append(transport)
        return transport, protocol

    def drop_all_but(self, used: object) -> None:
        for transport in self._made:
            if used is None or transport.get_extra_info("socket") is not used:
                transport.abort()  # type: ignore[attr-defined]
        self._made.clear()


def _watch_peer(connection: Any) -> None:
    sock = connection._transport.get_extra_info("socket")
    if sock is None or sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_SECONDS * 1000)


def is_away(error: BaseException) -> bool:
    """Whether the connection is over, so that the outcome of what was sent is not known."""
    asyncpg = library()
    if isinstance(error, OSError | EOFError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    return isinstance(error, asyncpg.PostgresError) and bool(_AWAY.fullmatch(sqlstate(error)))


def sqlstate(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or ""


async def within(connection: Any, seconds: float, asking: Coroutine[Any, Any, T]) -> T:
    """Await `asking` of `connection`; after so many seconds close it, and raise TimeoutError.

    Nothing is cancelled: to cancel a statement is a statement, which a peer that is silent does
    not answer either, and one that breaks off a write makes it look like done.
    """
    task = asyncio.ensure_future(asking)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        connection.terminate()
        task.add_done_callback(_look_at)
        raise
    if not done:
        connection.terminate()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None:
            return task.result()
        raise TimeoutError(f"no answer within {seconds:g} s")
    return task.result()


def _look_at(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


def is_unsafe(url: str) -> bool:
    """Whether the URL says that the server need not keep what it acknowledged."""
    return NOT_DURABLE in parse_qsl(urlsplit(url).query)


def _plain(url: str) -> str:
    """Return `url` without what PostgreSQL does not know of."""
    base, mark, query = url.partition("?")
    kept = [part for part in query.split("&") if part != "=".join(NOT_DURABLE)]
    return base + mark + "&".join(kept) if any(kept) else base


def told(error: BaseException, url: str) -> str:
    """Return what an error says, in one line and without the password of `url`."""
    return without_secrets(" ".join(str(error).split()) or type(error).__name__, url)
