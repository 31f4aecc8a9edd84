"""HTTP spoken to the port of HTTPS, and the reverse: a sentence instead of silence."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Callable
from typing import Any

from tornado.iostream import IOStream, SSLIOStream

NOT_TLS = "This port speaks TLS: use https:// instead of http://"
NOT_PLAIN = "This port does not speak TLS: use http:// instead of https://"
# How OpenSSL calls what does not begin as TLS does; the first is for methods it knows.
_REASONS = frozenset(
    {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}
)
# The first byte of a TLS connection: a handshake record. No HTTP method begins so.
_HANDSHAKE = 0x16
_READ_BYTES = 65536


def answer_other_scheme(stream: IOStream, answer: Callable[[str], bytes]) -> None:
    """Let `stream` send ``answer(sentence)``, as it is, to who speaks the other scheme."""
    if isinstance(stream, SSLIOStream):
        _answer_plain(stream, answer)
    else:
        _answer_tls(stream, answer)


def _answer_plain(stream: SSLIOStream, answer: Callable[[str], bytes]) -> None:
    close = stream.close

    def closed(exc_info: Any = False) -> None:
        if isinstance(exc_info, ssl.SSLError) and exc_info.reason in _REASONS:
            _send(stream.socket.fileno(), answer(NOT_TLS))
        close(exc_info)

    stream.close = closed  # type: ignore[method-assign]


def _answer_tls(stream: IOStream, answer: Callable[[str], bytes]) -> None:
    """What is no TLS makes a client say so at once: it would wait for its time-out."""
    read = stream.read_from_fd

    def first_read(buf: bytearray | memoryview) -> int | None:
        size = read(buf)
        if size is not None:
            stream.read_from_fd = read  # type: ignore[method-assign]
        if size and buf[0] == _HANDSHAKE:
            _send(stream.socket.fileno(), answer(NOT_PLAIN))
            return 0  # as if it had closed
        return size

    stream.read_from_fd = first_read  # type: ignore[method-assign]


def _send(descriptor: int, answer: bytes) -> None:
    """Write past the TLS layer. The buffer of a new connection has room; if not, so be it."""
    with contextlib.suppress(OSError):
        os.write(descriptor, answer)
        # What is left unread would make the close a reset, which takes the answer away.
        os.read(descriptor, _READ_BYTES)
