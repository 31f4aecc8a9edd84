"""Where connections of the boot listener come in: few in one round of the loop, however many knock.

What a new connection costs, a greeting in TLS and its first request, is not known before it is
taken; the kernel keeps those who wait. Event-loop thread only.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from tornado.iostream import IOStream, SSLIOStream

log = logging.getLogger(__name__)

# Taken in one round of the loop. In TLS a greeting alone takes a millisecond and more.
A_ROUND = 4
A_TLS_ROUND = 1
# After a failure that is not the visitor's, as too many open files.
REST_SECONDS = 1.0


class Door:
    """Hands each connection to `serve` with the address it comes from.

    `tls` returns the context for the next connection; without it they are clear text. Of what a
    connection sends not more than `ahead_bytes` are read before somebody asks for them.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        serve: Callable[[IOStream, Any], object],
        ahead_bytes: int,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._sockets = list(sockets)
        self._serve = serve
        self._ahead_bytes = ahead_bytes
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        for listener in self._sockets:
            self._open(listener)

    def close(self) -> None:
        for listener in self._sockets:
            self._loop.remove_reader(listener)
            listener.close()
        self._sockets.clear()

    def _open(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._take, listener)

    def _take(self, listener: socket.socket) -> None:
        for _ in range(A_TLS_ROUND if self._tls else A_ROUND):
            try:
                connection, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("netboot: no connection can be taken: %s", error)
                self._loop.remove_reader(listener)
                self._loop.call_later(REST_SECONDS, self._open, listener)
                return
            try:
                self._serve(self._stream(connection), address)
            except OSError as error:
                log.info("netboot: %s left before it was served: %s", address[0], error)
                connection.close()

    def _stream(self, connection: socket.socket) -> IOStream:
        connection.setblocking(False)
        if self._tls is None:
            return IOStream(connection, max_buffer_size=self._ahead_bytes)
        wrapped = self._tls().wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        return SSLIOStream(wrapped, max_buffer_size=self._ahead_bytes)
