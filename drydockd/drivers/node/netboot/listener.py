"""The boot listener: a route table of its own on a port of its own, none of the API's routes.

iPXE, agents and first boots speak to it; each handler parses, asks `Boots`, answers.
Source: contract, netboot, section 4.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError

from drydockd.drivers.node.netboot.boots import Boots, Request
from drydockd.drivers.node.netboot.messages import (
    Body,
    End,
    FirstBoot,
    Hello,
    InventoryReport,
    Progress,
)
from drydockd.errors import (
    Conflict,
    DrydockError,
    Forbidden,
    InvalidConfig,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    TooLarge,
    TooMany,
    Unauthenticated,
)

log = logging.getLogger(__name__)

KIB, MIB = 1024, 1024 * 1024
LONGEST_WAIT = 60.0
CHUNK_BYTES = 256 * KIB
# What any body may have; single routes allow less.
LARGEST_BODY = 9 * MIB
IDLE_SECONDS = 120.0
BACKLOG = 1024
BODY_SECONDS = 120.0
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")

STATUS: tuple[tuple[type[Exception], int, bool], ...] = (
    (InvalidInput, 400, False),
    (Unauthenticated, 401, False),
    (Forbidden, 403, False),
    (NotFound, 404, False),
    (Conflict, 409, False),
    (TooLarge, 413, False),
    (TooMany, 429, True),
    (StoreUnavailable, 503, True),
)
B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers use. `file_of` returns where a public file of that digest lies and
    raises NotFound, `image_of` the same of an image; `images` are the places for their streams."""

    boots: Boots
    file_of: Callable[[str], Path]
    image_of: Callable[[str], Path]
    images: asyncio.Semaphore


class BootHandler(web.RequestHandler):
    """Errors are the API's body; nothing of a machine is trusted, nothing of it is logged whole."""

    largest_bytes = 64 * KIB

    def initialize(self, services: Services) -> None:
        self.services = services
        self.boots = services.boots

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")

    def parse(self, model: type[B]) -> B:
        """Return the body. Raises TooLarge, InvalidInput naming the field."""
        if len(self.request.body) > self.largest_bytes:
            raise TooLarge(f"the body has more than {self.largest_bytes} bytes")
        try:
            return model.model_validate_json(self.request.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "body"
            raise InvalidInput(f"{field}: {first['msg']}") from error

    def bearer(self) -> str:
        """Raises Unauthenticated without one."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("no bearer token was sent")
        return token.strip()

    def answer(self, document: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps(document))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        message, is_worth_retrying = http.client.responses.get(status_code, "error"), False
        for kind, status, retry in STATUS:
            if isinstance(error, kind):
                self.set_status(status)
                message, is_worth_retrying = str(error), retry
                break
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps({"type": "error", "message": message, "retry": is_worth_retrying}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if isinstance(value, DrydockError):
            log.info("netboot: %s %s: %s", self.request.method, self.request.path, value)
        elif not isinstance(value, StreamClosedError | web.HTTPError):
            log.error("netboot: %s failed", self.request.path, exc_info=(typ, value, tb))


class UnknownPath(BootHandler):
    async def prepare(self) -> None:
        raise NotFound(f"{self.request.path} is no route of the boot listener")


class ScriptHandler(BootHandler):
    """GET /boot/ipxe: always 200, odd input is local boot."""

    async def get(self) -> None:
        names = ("mac", "uuid", "serial", "platform")
        told = {name: self.get_query_argument(name, "")[:256] for name in names}
        request = Request(peer=self.request.remote_ip or "", **told)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(await self.boots.script(request))


class FileHandler(BootHandler):
    """GET and HEAD /boot/files/<sha256>/<name>: kernel and initrd, immutable, with Range."""

    async def get(self, sha256: str) -> None:
        path = self.services.file_of(sha256)
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        await send_file(self, path)

    head = get


class ImageHandler(BootHandler):
    """GET /boot/image/<sha256>: the image of this machine's plan, with Range."""

    async def get(self, sha256: str) -> None:
        session = self.bearer()
        self.boots.image_of(session, sha256)
        async with self.services.images:
            await send_file(
                self, self.services.image_of(sha256), alive=self._heard(session, sha256)
            )

    def _heard(self, session: str, sha256: str) -> Callable[[], None]:
        return lambda: self.boots.image_of(session, sha256)


class HelloHandler(BootHandler):
    async def post(self) -> None:
        self.answer(await self.boots.hello(self.bearer(), self.parse(Hello)))


class InventoryHandler(BootHandler):
    largest_bytes = 8 * MIB

    async def post(self) -> None:
        report = self.parse(InventoryReport)
        if "Authorization" in self.request.headers:
            await self.boots.inventory(self.bearer(), report)
        else:
            await self.boots.stranger(report)
        self.answer({})


class CommandHandler(BootHandler):
    async def get(self) -> None:
        try:
            seconds = min(float(self.get_query_argument("wait", "0")), LONGEST_WAIT)
        except ValueError as error:
            raise InvalidInput("wait: a number of seconds") from error
        self.answer(await self.boots.command(self.bearer(), max(0.0, seconds)))


class ProgressHandler(BootHandler):
    async def post(self) -> None:
        await self.boots.progress(self.bearer(), self.parse(Progress))
        self.answer({})


class EndHandler(BootHandler):
    largest_bytes = 2 * MIB

    async def post(self) -> None:
        await self.boots.end(self.bearer(), self.parse(End))
        self.answer({})


class FirstBootHandler(BootHandler):
    async def post(self) -> None:
        self.parse(FirstBoot)
        await self.boots.first_boot(self.bearer())
        self.answer({})


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
    """The server; `port` is where it listens (an option's 0 is any free one)."""

    def __init__(self, services: Services) -> None:
        given = {"services": services}
        self._application = web.Application(
            [(path, handler, given) for path, handler in ROUTES],
            default_handler_class=UnknownPath,
            default_handler_args=given,
            log_function=_log_request,
        )
        self._server: HTTPServer | None = None
        self.port = 0

    def start(self, listen: str, tls: ssl.SSLContext | None = None) -> None:
        """Listen on ``address:port``. Raises InvalidConfig."""
        sockets = _bound(listen)
        self.port = sockets[0].getsockname()[1]
        self._server = HTTPServer(
            self._application,
            ssl_options=tls,
            max_body_size=LARGEST_BODY,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=BODY_SECONDS,
        )
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
            self._server = None


def _bound(listen: str) -> list[socket.socket]:
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
            f"netboot_driver.listen: cannot listen on {listen}: {error.strerror}"
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


async def send_file(
    handler: web.RequestHandler, path: Path, *, alive: Callable[[], object] | None = None
) -> None:
    """Send the file, or the part that Range asks for, in chunks that wait for the client.

    `alive` is called after each chunk. A client that hangs up ends it without an error.
    """
    source = await asyncio.to_thread(path.open, "rb")
    try:
        size = os.fstat(source.fileno()).st_size
        first, last = _span(handler, size)
        handler.set_header("Accept-Ranges", "bytes")
        handler.set_header("Content-Type", "application/octet-stream")
        if first >= size > 0:
            handler.set_status(416)
            handler.set_header("Content-Range", f"bytes */{size}")
            return
        handler.set_header("Content-Length", str(last - first))
        if handler.request.method == "HEAD":
            return
        await _copy(handler, source, first, last, alive)
    except StreamClosedError:
        log.info("netboot: %s hung up while fetching", handler.request.remote_ip)
    finally:
        source.close()


def _span(handler: web.RequestHandler, size: int) -> tuple[int, int]:
    """First byte and the one behind the last; a Range that is none of ours is not looked at."""
    found = _RANGE.fullmatch(handler.request.headers.get("Range", ""))
    if found is None:
        return 0, size
    first = int(found[1])
    if found[2] and int(found[2]) < first:
        return 0, size
    last = min(size, int(found[2]) + 1) if found[2] else size
    if first < size:
        handler.set_status(206)
        handler.set_header("Content-Range", f"bytes {first}-{last - 1}/{size}")
    return first, last


async def _copy(
    handler: web.RequestHandler,
    source: Any,
    first: int,
    last: int,
    alive: Callable[[], object] | None,
) -> None:
    source.seek(first)
    left = last - first
    while left > 0:
        chunk = await asyncio.to_thread(source.read, min(CHUNK_BYTES, left))
        if not chunk:
            raise OSError(f"{source.name} is shorter than it was")
        left -= len(chunk)
        handler.write(chunk)
        await handler.flush()
        if alive is not None:
            alive()
