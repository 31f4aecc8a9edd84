"""One connection to a BMC, for one request and its answer.

Every request has a connection of its own (contract, oob-faults, C.25), so a client with a pool
has nothing to offer here: httpx took 1.2 to 1.8 ms of a processor for what takes 0.35 with h11,
the parser below it, and left rings behind that only the collector frees.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import h11

from drydockd import acting

# What httpx allows; h11's own 16 KiB are little for a BMC with many Link headers.
LONGEST_HEAD = 100 << 10
PIECE = 1 << 16

Headers = list[tuple[bytes, bytes]]


class TooLong(Exception):
    """The document of an answer is longer than allowed."""


class HandshakeFailed(Exception):
    """No TLS; its cause, an ssl.SSLError or OSError, tells why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came; names of headers in lower case, in their order."""

    status: int
    headers: Headers
    body: bytes


class Connection:
    """An open connection. `close` at once, whatever has happened: nothing waits for the peer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: str, port: int, context: ssl.SSLContext | None) -> Self:
        """Connect to an IP address, with TLS if there is a context. The caller bounds it.

        Raises OSError for no connection, HandshakeFailed for no TLS on it.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            acting.prepare(sock)
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
            with _handshake(context):
                return cls(
                    *await asyncio.open_connection(
                        sock=sock, ssl=context, server_hostname=address if context else None
                    )
                )
        except BaseException:
            sock.close()
            raise

    @property
    def tls(self) -> ssl.SSLObject | None:
        found: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return found

    async def exchange(
        self, method: str, path: bytes, headers: Headers, content: bytes, *, longest: int
    ) -> Reply:
        """Send the one request; return the answer to it.

        Raises TooLong for a document of more than `longest` bytes, OSError and h11.ProtocolError
        for a connection that breaks or speaks something else.
        """
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        events: Iterable[h11.Event] = (
            h11.Request(method=method, target=path, headers=headers),
            *((h11.Data(data=content),) if content else ()),
            h11.EndOfMessage(),
        )
        self._writer.write(b"".join(http.send(event) or b"" for event in events))
        status, found, body = 0, Headers(), bytearray()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                piece = await self._reader.read(PIECE)
                if not piece and not status:
                    raise ConnectionResetError("it was closed before an answer")
                http.receive_data(piece)
            elif isinstance(event, h11.Response):
                status, found = event.status_code, list(event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > longest:
                    raise TooLong
            elif isinstance(event, h11.EndOfMessage):
                return Reply(status, found, bytes(body))

    def close(self) -> None:
        self._writer.transport.abort()


@contextmanager
def _handshake(context: ssl.SSLContext | None) -> Iterator[None]:
    """With TLS, making a stream of a connected socket is nothing but the handshake."""
    try:
        yield
    except OSError as error:
        if context is None:
            raise
        raise HandshakeFailed from error
