"""The HTTP server: TLS, limits of connections, and an answer even to what is not HTTP."""

from __future__ import annotations

import ssl
import uuid
from asyncio import Future
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, cast

from tornado import httputil
from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from drydockd.errors import InvalidConfig
from drydockd.handlers.base import error_body, title_of
from drydockd.handlers.deadlines import Deadlines
from drydockd.handlers.routing import StartLine
from drydockd.handlers.schemes import answer_other_scheme

# What Tornado writes, on the bare stream, for a request it cannot parse.
BARE_400 = b"HTTP/1.1 400 Bad Request\r\n\r\n"
NOT_HTTP = "The request is not valid HTTP"


class Server(HTTPServer):
    """Tornado's server; answers to malformed requests have a body and a request id too.

    A connection is closed when its request's headers do not come within `idle_seconds`, or a
    body within `body_seconds`. Tornado's own limits for these cost a timer, two futures and,
    with a body, a task for each request: 45 of 620 us of a POST tasks.
    """

    def initialize(  # type: ignore[override]
        self, *args: Any, idle_seconds: float, body_seconds: float, **options: Any
    ) -> None:
        super().initialize(*args, **options)
        self.conn_params.header_timeout = None
        self.headers: Deadlines[HTTP1ServerConnection] = Deadlines(idle_seconds, _close)
        self.bodies: Deadlines[HTTP1ServerConnection] = Deadlines(body_seconds, _close)

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        return _Awaited(
            super().start_request(server_conn, request_conn),
            cast(HTTP1ServerConnection, server_conn),
            self,
        )

    def on_close(self, server_conn: object) -> None:
        self.headers.end(cast(HTTP1ServerConnection, server_conn))
        super().on_close(server_conn)

    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        write = stream.write

        def answered(data: bytes | memoryview) -> Future[None]:
            return write(malformed() if data == BARE_400 else data)

        stream.write = answered  # type: ignore[method-assign]
        answer_other_scheme(stream, malformed)
        super().handle_stream(stream, address)


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


def malformed(what: str = NOT_HTTP) -> bytes:
    body = error_body(what, title=title_of(400), description=what)
    head = (
        "HTTP/1.1 400 Bad Request\r\nServer: drydockd\r\nContent-Type: application/json\r\n"
        f"X-Drydock-Req: {uuid.uuid4()}\r\nContent-Length: {len(body)}\r\n"
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


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a server context, TLS 1.2 or newer. Raises InvalidConfig."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise InvalidConfig(
            f"api.tls_cert {certificate}, api.tls_key {key}: {error.strerror or error}"
        ) from error
    return context
