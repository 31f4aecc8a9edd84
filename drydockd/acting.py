"""The right to change something outside: asked for right before each request that does.

Where several daemons share a store, one of them may act at a time, and not for ever: a request
that is sent after its time would come on top of what the next daemon does. So whoever sends one
to a BMC, a provisioner or a cluster asks here first, at each attempt, after the connection is
there. Who is asked belongs to the context, as a task's id does in the log: nothing is bound in a
daemon that has its store for itself, and then asking is one look at a variable.
Source: contract, scale, section 6, "Acting".
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn, Protocol

from drydockd.errors import NotRunner

log = logging.getLogger(__name__)

# Off the wire for good once the socket is closed, whoever closes it: no byte is sent after.
_AT_ONCE = struct.pack("ii", 1, 0)
# The event of httpcore that comes when the connection is there and nothing was sent yet.
_SENDING = ("http11.send_request_headers.started", "http2.send_request_headers.started")
_CONNECTED = "connection.connect_tcp.complete"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# In the environment of a program: the id of the daemon's process that speaks to machines by it.
MARK = "DRYDOCKD_DAEMON"


class Permit(Protocol):
    """Who says whether this daemon may act."""

    async def may_act(self) -> None:
        """Return while it may; wait while that is not known. Raises NotRunner: never again."""
        ...

    @property
    def reach_seconds(self) -> float | None:
        """The longest that what was sent may be on its way; None: as long as it takes."""
        ...


_permit: ContextVar[Permit | None] = ContextVar("permit", default=None)


def bind_here(permit: Permit | None) -> None:
    """Ask `permit` from here on, in this context and those that begin in it."""
    _permit.set(permit)


@contextmanager
def bound(permit: Permit | None) -> Iterator[None]:
    """Ask `permit` inside the ``with``."""
    token = _permit.set(permit)
    try:
        yield
    finally:
        _permit.reset(token)


async def may_act() -> None:
    """Return if the request that follows may be sent; it has to follow at once.

    A daemon whose right is over waits here until it ends: what its tasks did not send is
    nobody's failure.
    """
    permit = _permit.get()
    if permit is None:
        return
    try:
        await permit.may_act()
    except NotRunner as error:
        log.warning("not done: %s", error)
        await stand_still()


async def stand_still() -> NoReturn:
    """Never return: what would come next is another daemon's. A cancel ends it."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("unreachable")


def connect_seconds(configured: float) -> float:
    """The seconds that a connection may take: what was sent later than it may would be lost."""
    reach = reach_seconds()
    return configured if reach is None else min(configured, reach)


def prepare(sock: socket.socket) -> None:
    """Have the kernel forget what it could not deliver in time, and what a dead daemon left."""
    reach = reach_seconds()
    if reach is None:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(reach * 1000)))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)


def marked(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment of a program, with what tells the warden whose it is.

    A program outlives a daemon that is killed, and would act when another one has the work.
    """
    if _permit.get() is None:
        return environment
    return {**environment, MARK: str(os.getpid())}


def extensions(method: str) -> dict[str, Any]:
    """Return httpx's extensions for a request, with which it asks, and prepares its sockets."""
    if _permit.get() is None:
        return {}
    return {"trace": _prepare_only if method in SAFE else _ask_and_prepare}


async def _ask_and_prepare(event: str, info: Mapping[str, Any]) -> None:
    if event in _SENDING:
        await may_act()
    else:
        await _prepare_only(event, info)


async def _prepare_only(event: str, info: Mapping[str, Any]) -> None:
    if event == _CONNECTED:
        sock = info["return_value"].get_extra_info("socket")
        if sock is not None:
            prepare(sock)


def reach_seconds() -> float | None:
    """The longest that what was sent may be on its way; None: as long as it takes."""
    permit = _permit.get()
    return None if permit is None else permit.reach_seconds
