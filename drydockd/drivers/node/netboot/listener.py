"""The boot listener: a route table of its own on a port of its own, none of the API's routes.

iPXE, agents and first boots speak to it; each handler parses, asks `Boots`, answers.
Source: contract, netboot, section 4.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from tornado import web

from drydockd.drivers.node.netboot.arrivals import interface_of
from drydockd.drivers.node.netboot.boots import Request
from drydockd.drivers.node.netboot.bounds import BoundedServer, Intake
from drydockd.drivers.node.netboot.door import Door
from drydockd.drivers.node.netboot.files import send_file
from drydockd.drivers.node.netboot.handling import (
    KIB,
    MIB,
    AgentHandler,
    BootHandler,
    Bounds,
    Services,
)
from drydockd.drivers.node.netboot.messages import (
    End,
    FirstBoot,
    Hello,
    InventoryReport,
    Progress,
)
from drydockd.errors import (
    InvalidConfig,
    InvalidInput,
    NotFound,
)

log = logging.getLogger(__name__)

LONGEST_WAIT = 60.0
# What any body may have; single routes allow less.
LARGEST_BODY = 9 * MIB
HEADER_BYTES = 16 * KIB
# Two pieces of 64 KiB: what is read ahead of an answer.
AHEAD_BYTES = 128 * KIB
IDLE_SECONDS = 120.0
BACKLOG = 1024
BODY_SECONDS = 120.0


class UnknownPath(BootHandler):
    async def prepare(self) -> None:
        raise NotFound(f"{self.request.path} is no route of the boot listener")


class ScriptHandler(BootHandler):
    """GET /boot/ipxe: always 200, odd input is local boot."""

    async def get(self) -> None:
        names = ("mac", "uuid", "serial", "platform")
        told = {name: self.get_query_argument(name, "")[:256] for name in names}
        request = Request(peer=self.request.remote_ip or "", interface=self._interface(), **told)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(await self.boots.script(request))

    def _interface(self) -> str | None:
        stream = getattr(self.request.connection, "stream", None)
        return interface_of(stream.socket) if stream is not None and stream.socket else None


class FileHandler(BootHandler):
    """GET and HEAD /boot/files/<sha256>/<name>: kernel and initrd, immutable, with Range."""

    async def get(self, sha256: str) -> None:
        path, tail = self.services.file_of(sha256)
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        peer = self.request.remote_ip or ""
        await send_file(self, path, self.bounds.public_lane, peer, tail=tail)

    head = get


class ImageHandler(BootHandler):
    """GET and HEAD /boot/image/<sha256>: the image of this machine's plan, with Range."""

    async def get(self, sha256: str) -> None:
        session = self.session()
        self.boots.image_of(session, sha256)
        path = self.services.image_of(sha256)
        machine = machine_of(session)
        with self.bounds.images.one(machine):
            alive = self._heard(session, sha256)
            await send_file(self, path, self.bounds.image_lane, machine, alive=alive)

    head = get

    def _heard(self, session: str, sha256: str) -> Callable[[], None]:
        return lambda: self.boots.image_of(session, sha256)


class HelloHandler(BootHandler):
    async def post(self) -> None:
        self.answer(await self.boots.hello(self.bearer(), self.parse(Hello)))


class InventoryHandler(AgentHandler):
    largest_bytes = 8 * MIB

    def admit(self) -> Intake:
        if "Authorization" in self.request.headers:
            return super().admit()
        self.boots.strangers.check()
        return self.bounds.strangers

    async def post(self) -> None:
        report = self.parse(InventoryReport)
        if "Authorization" in self.request.headers:
            await self.boots.inventory(self.bearer(), report)
        else:
            await self.boots.stranger(report)
        self.answer({})


class CommandHandler(BootHandler):
    """GET /boot/command: a long poll, which ends with its client."""

    _poll: asyncio.Task[Mapping[str, Any]] | None = None

    async def get(self) -> None:
        try:
            seconds = min(float(self.get_query_argument("wait", "0")), LONGEST_WAIT)
        except ValueError as error:
            raise InvalidInput("wait: a number of seconds") from error
        session = self.session()
        with self.bounds.polls.one(machine_of(session)):
            work = self.boots.command(session, max(0.0, seconds))
            self._poll = asyncio.get_running_loop().create_task(work, name="netboot: a long poll")
            await asyncio.wait([self._poll])
        if self._poll.cancelled():
            return
        self.answer(self._poll.result())

    def on_connection_close(self) -> None:
        super().on_connection_close()
        if self._poll is not None:
            self._poll.cancel()


class ProgressHandler(AgentHandler):
    async def post(self) -> None:
        await self.boots.progress(self.bearer(), self.parse(Progress))
        self.answer({})


class EndHandler(AgentHandler):
    largest_bytes = 2 * MIB

    async def post(self) -> None:
        await self.boots.end(self.bearer(), self.parse(End))
        self.answer({})


class FirstBootHandler(BootHandler):
    async def post(self) -> None:
        report = self.parse(FirstBoot)
        await self.boots.first_boot(self.bearer(), report.cmdline)
        self.answer({})


def machine_of(session: str) -> str:
    """The machine's part of a session that was proven."""
    return session.partition(".")[0]


ROUTES: tuple[tuple[str, type[BootHandler]], ...] = (
    (r"/boot/ipxe", ScriptHandler),
    (r"/boot/files/([0-9a-f]{64})/[a-z.]+", FileHandler),
    (r"/boot/image/([0-9a-f]{64})", ImageHandler),
    (r"/boot/hello", HelloHandler),
    (r"/boot/inventory", InventoryHandler),
    (r"/boot/command", CommandHandler),
    (r"/boot/progress", ProgressHandler),
    (r"/boot/end", EndHandler),
    (r"/boot/first", FirstBootHandler),
)


class BootListener:
    """The server; `port` is where it listens (an option's 0 is any free one), `tls_port` where for
    HTTPS, 0 if nowhere. The routes are the same."""

    def __init__(self, services: Services) -> None:
        self.bounds = Bounds.of(services)
        given = {"services": services, "bounds": self.bounds}
        self._application = web.Application(
            [(path, handler, given) for path, handler in ROUTES],
            default_handler_class=UnknownPath,
            default_handler_args=given,
            log_function=_log_request,
        )
        self._server: BoundedServer | None = None
        self._doors: list[Door] = []
        self.port = 0
        self.tls_port = 0

    def start(self, listen: str) -> None:
        """Listen on ``address:port``. Raises InvalidConfig."""
        sockets = _bound("listen", listen)
        self.port = sockets[0].getsockname()[1]
        self._server = BoundedServer.over(
            self._application,
            self.bounds.peers,
            max_body_size=LARGEST_BODY,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=BODY_SECONDS,
            max_header_size=HEADER_BYTES,
        )
        self._doors.append(Door(sockets, self._server.handle_stream, AHEAD_BYTES))

    def start_tls(self, listen: str, tls: Callable[[], ssl.SSLContext]) -> None:
        """Listen on ``address:port`` for HTTPS too, when started. `tls` returns what the next
        connection is served with. Raises InvalidConfig."""
        assert self._server is not None  # noqa: S101
        sockets = _bound("tls_listen", listen)
        self.tls_port = sockets[0].getsockname()[1]
        self._doors.append(Door(sockets, self._server.handle_stream, AHEAD_BYTES, tls))

    def problem(self) -> str | None:
        """Why machines are not answered, None if they are."""
        if self._server is None:
            return "the boot listener does not run"
        if self.bounds.peers.is_full:
            return (
                f"the boot listener has all of its {len(self.bounds.peers)} connections in use "
                "(netboot_driver.connections): strangers' oldest are closed for new ones"
            )
        return None

    async def stop(self) -> None:
        for door in self._doors:
            door.close()
        self._doors.clear()
        if self._server is not None:
            await self._server.close_all_connections()
            self._server = None


def _bound(option: str, listen: str) -> list[socket.socket]:
    """Listen on every address of ``host:port``, all on one port. Raises InvalidConfig."""
    host, _, port = listen.rpartition(":")
    found: list[socket.socket] = []
    try:
        places = socket.getaddrinfo(
            host.strip("[]") or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, *_, address in dict.fromkeys(places):
            listener = socket.socket(family, socket.SOCK_STREAM)
            found.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.setblocking(False)
            # With port 0 the first one chooses for all.
            listener.bind((address[0], int(port) or found[0].getsockname()[1], *address[2:]))
            listener.listen(BACKLOG)
    except OSError as error:
        for listener in found:
            listener.close()
        raise InvalidConfig(
            f"netboot_driver.{option}: cannot listen on {listen}: {error.strerror}"
        ) from error
    return found


def _log_request(handler: web.RequestHandler) -> None:
    """Paths only: queries carry nothing secret, but headers do."""
    log.debug(
        "netboot: %s %s %s %d",
        handler.request.remote_ip,
        handler.request.method,
        handler.request.path,
        handler.get_status(),
    )
