"""The HTTP server: TLS, limits of connections, and an answer even to what is not HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Iterable
from functools import partial
from typing import Any, cast

from tornado import httputil
from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from drydockd.auth.buckets import group
from drydockd.handlers.connections import Connections
from drydockd.handlers.deadlines import Deadlines
from drydockd.handlers.line import Line
from drydockd.handlers.proxies import MAPPED, plain
from drydockd.handlers.refusals import error_body, title_of
from drydockd.handlers.routing import StartLine
from drydockd.handlers.slices import Door
from drydockd.handlers.streams import Stream, TlsStream
from drydockd.model import new_id

log = logging.getLogger(__name__)

# So many are accepted before others get their turn of the loop: 10 us each.
ACCEPTS_PER_TURN = 256
# So many of those that are refused hear why: 50 us each, and 300 where the kernel is busy. A flood
# stands before everybody else in the kernel's line, so the rest of it is closed without a word.
REFUSALS_PER_TURN = 8
# So many of them are begun to be served, or for so long: 150 us each, and more with TLS, of whose
# handshakes an address may have 128: each must get some turns before the next ones end it.
STARTS_PER_TURN = 32
START_SECONDS = 0.005
# What accept says when the process or the machine has no descriptor, or no memory for one.
SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# All are closed at once; what their requests still do is not waited for longer.
CLOSE_SECONDS = 2.0
RETRY_SECONDS = 5


class Server(HTTPServer):
    """Tornado's server, which accepts no more than `connections` allow.

    Answers to malformed requests have a body and a request id too. A connection is closed when
    its request's headers do not come within `idle_seconds`, or a body within `body_seconds`.
    Tornado's own limits for these cost a timer, two futures and, with a body, a task for each
    request: 45 of 620 us of a POST tasks.
    """

    def initialize(  # type: ignore[override]
        self,
        request_callback: httputil.HTTPServerConnectionDelegate,
        *,
        connections: Connections,
        idle_seconds: float,
        body_seconds: float,
        **options: Any,
    ) -> None:
        super().initialize(request_callback, **options)
        self.conn_params.header_timeout = None
        self.headers: Deadlines[HTTP1ServerConnection] = Deadlines(idle_seconds, _close)
        self.bodies: Deadlines[HTTP1ServerConnection] = Deadlines(body_seconds, _close)
        self._book = connections
        self.door = Door()
        self._refusals = REFUSALS_PER_TURN
        self._line: Line[tuple[socket.socket, Any, str]] = Line()
        self._starting: asyncio.Handle | None = None
        self._listening: set[socket.socket] = set()

    # -- accepting

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        for listener in sockets:
            listener.setblocking(False)
            self._sockets[listener.fileno()] = listener
            self._handlers[listener.fileno()] = partial(self._ignore, listener)
            self._listen(listener)

    def stop(self) -> None:
        """Accept no more, close connections without a request, let the others end."""
        super().stop()
        self.conn_params.no_keep_alive = True
        while self._line:
            connection, _, peer = self._line.pop()
            connection.close()
            self._book.unlined(peer)
        self._book.close_idle()

    def serve_with(self, context: ssl.SSLContext) -> None:
        """Serve connections from now on with another certificate. Those that are open stay."""
        self.ssl_options = context

    async def close_all_connections(self) -> None:
        """Close everything, whatever is under way or queued behind it."""
        self._book.close_all()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await super().close_all_connections()
        except TimeoutError:
            log.warning("%d connections did not end in time", len(self._connections))

    def _listen(self, listener: socket.socket) -> None:
        if not self._stopped:
            self._listening.add(listener)
            IOLoop.current().add_handler(listener, self._accept, IOLoop.READ)

    def _ignore(self, listener: socket.socket) -> None:
        if listener in self._listening:
            self._listening.remove(listener)
            IOLoop.current().remove_handler(listener)

    def _pause(self, listener: socket.socket, cause: str = "") -> None:
        self._ignore(listener)
        self._book.pause(partial(self._listen, listener), cause)

    def _accept(self, listener: socket.socket, events: int) -> None:
        self._accept_some(listener)
        if self._starting is None:
            self._start_some()

    def _accept_some(self, listener: socket.socket) -> None:
        end = time.perf_counter() + START_SECONDS
        self._refusals = REFUSALS_PER_TURN
        for _ in range(ACCEPTS_PER_TURN):
            if time.perf_counter() > end:
                return
            if not self._book.has_room():
                self._pause(listener)
                return
            try:
                connection, address = listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in SHORT:
                    raise
                self._pause(listener, error.strerror or str(error))
                return
            self._take(connection, address)

    def _take(self, connection: socket.socket, address: Any) -> None:
        """Put one that was accepted into the line, if its address may have one more."""
        peer = str(address[0]) if isinstance(address, tuple) and address else ""
        if peer.startswith(MAPPED):
            peer = plain(peer)
            address = (peer, address[1])
        if not self._book.admits(peer):
            self._refuse(connection, peer)
            return
        self._book.lined(peer)
        self._line.add(group(peer), (connection, address, peer))

    def _start_some(self) -> None:
        """Begin to serve who waits, by address in turn; the rest in the next turn of the loop."""
        self._starting = None
        end, left = time.perf_counter() + START_SECONDS, STARTS_PER_TURN
        while self._line and left and time.perf_counter() < end:
            self._start(*self._line.pop())
            left -= 1
        if self._line:
            self._starting = asyncio.get_running_loop().call_soon(self._start_some)

    def _start(self, connection: socket.socket, address: Any, peer: str) -> None:
        self._book.unlined(peer)
        options: dict[str, Any] = {
            "max_buffer_size": self.max_buffer_size,
            "read_chunk_size": self.read_chunk_size,
            "watcher": self._book,
            "malformed": malformed,
        }
        try:
            if isinstance(self.ssl_options, ssl.SSLContext):
                wrapped = self.ssl_options.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
                stream: Stream = TlsStream(wrapped, **options)
            else:
                stream = Stream(connection, **options)
        except OSError as error:  # it was closed at once, as by a port scan
            log.debug("connection of %s: %s", peer, str(error))
            connection.close()
            return
        self._book.opened(stream, peer)
        self.handle_stream(stream, address)

    def _refuse(self, connection: socket.socket, peer: str) -> None:
        self._refusals -= 1
        with connection, contextlib.suppress(OSError):
            if self.ssl_options is None and self._refusals >= 0:
                connection.setblocking(False)
                connection.send(bare(503, self._book.refusal(peer), retry_seconds=RETRY_SECONDS))
                connection.shutdown(socket.SHUT_WR)

    # -- serving

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        self._book.waits(cast(Stream, cast(HTTP1Connection, request_conn).stream))
        return _Awaited(
            super().start_request(server_conn, request_conn),
            cast(HTTP1ServerConnection, server_conn),
            self,
        )

    def enter(self, connection: HTTP1ServerConnection) -> Awaitable[None] | None:
        """Return what its request waits for before it begins, if anything."""
        stream = cast(Stream, connection.stream)
        place = self.door.enter(self._book.name_of(stream))
        if place is not None:
            self._book.began(stream)
        return place

    def on_close(self, server_conn: object) -> None:
        self.headers.end(cast(HTTP1ServerConnection, server_conn))
        super().on_close(server_conn)


class _Awaited(httputil.HTTPMessageDelegate):
    """Passes a request on; notes how long its headers and its body are waited for."""

    def __init__(
        self,
        inner: httputil.HTTPMessageDelegate,
        connection: HTTP1ServerConnection,
        server: Server,
    ) -> None:
        self._inner = inner
        self._connection = connection
        self._server = server
        server.headers.begin(connection)

    def headers_received(
        self, start_line: StartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        self._server.headers.end(self._connection)
        place = self._server.enter(self._connection)
        if place is None:
            return self._begin(start_line, headers)
        return self._begin_later(place, start_line, headers)

    async def _begin_later(
        self, place: Awaitable[None], start_line: StartLine, headers: httputil.HTTPHeaders
    ) -> None:
        await place
        further = self._begin(start_line, headers)
        if further is not None:
            await further

    def _begin(
        self, start_line: StartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        if "Content-Length" in headers or "Transfer-Encoding" in headers:
            self._server.bodies.begin(self._connection)
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._server.bodies.end(self._connection)
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._server.bodies.end(self._connection)
        self._inner.on_connection_close()


def _close(connection: HTTP1ServerConnection) -> None:
    connection.stream.close()


def malformed(what: str) -> bytes:
    return bare(400, what)


def bare(status: int, text: str, *, retry_seconds: int = 0) -> bytes:
    """Return a whole answer for a connection that is closed behind it."""
    title = title_of(status)
    body = error_body(text, retry=retry_seconds > 0, title=title, description=text)
    retry = f"Retry-After: {retry_seconds}\r\n" if retry_seconds else ""
    head = (
        f"HTTP/1.1 {title}\r\nServer: drydockd\r\nContent-Type: application/json\r\n"
        f"X-Drydock-Req: {new_id()}\r\nContent-Length: {len(body)}\r\n{retry}"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def server_options(
    *, header_bytes: int, idle_seconds: float, body_seconds: float, tls: ssl.SSLContext | None
) -> dict[str, object]:
    """Return the arguments of `Server`.

    Headers up to four times `header_bytes` are read, so that 431 can be answered; beyond, the
    connection is closed. Bodies are limited per route; what is refused is
    drained within bounds (`routing`).
    """
    return {
        "ssl_options": tls,
        "idle_seconds": idle_seconds,
        "body_seconds": body_seconds,
        "max_header_size": 4 * header_bytes,
        "max_body_size": 128 << 20,
        "decompress_request": False,
        "chunk_size": 65536,
        "max_buffer_size": max(8 * header_bytes, 4 << 20),
    }
