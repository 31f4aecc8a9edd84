"""The HTTP server: TLS, limits of connections, and an answer even to what is not HTTP."""

from __future__ import annotations

import ssl
import uuid
from asyncio import Future
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from drydockd.errors import InvalidConfig
from drydockd.handlers.base import error_body, title_of
from drydockd.handlers.schemes import answer_other_scheme

# What Tornado writes, on the bare stream, for a request it cannot parse.
BARE_400 = b"HTTP/1.1 400 Bad Request\r\n\r\n"
NOT_HTTP = "The request is not valid HTTP"


class Server(HTTPServer):
    """Tornado's server; answers to malformed requests have a body and a request id too."""

    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        write = stream.write

        def answered(data: bytes | memoryview) -> Future[None]:
            return write(malformed() if data == BARE_400 else data)

        stream.write = answered  # type: ignore[method-assign]
        answer_other_scheme(stream, malformed)
        super().handle_stream(stream, address)


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
        "idle_connection_timeout": idle_seconds,
        "body_timeout": body_seconds,
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
