"""HTTP spoken to the port of HTTPS, and the reverse: a sentence instead of silence."""

from __future__ import annotations

import contextlib
import os
import ssl

NOT_TLS = "This port speaks TLS: use https:// instead of http://"
NOT_PLAIN = "This port does not speak TLS: use http:// instead of https://"
# How OpenSSL calls what does not begin as TLS does; the first is for methods it knows.
_REASONS = frozenset(
    {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}
)
# The first byte of a TLS connection: a handshake record. No HTTP method begins so.
_HANDSHAKE = 0x16
_READ_BYTES = 65536


def is_plain(error: object) -> bool:
    """Whether a handshake failed with `error` because the client does not speak TLS."""
    return isinstance(error, ssl.SSLError) and error.reason in _REASONS


def is_tls(first: bytes | bytearray | memoryview) -> bool:
    """Whether a client that begins so speaks TLS."""
    return first[0] == _HANDSHAKE


def tell(descriptor: int, answer: bytes) -> None:
    """Write past the TLS layer. The buffer of a new connection has room; if not, so be it."""
    with contextlib.suppress(OSError):
        os.write(descriptor, answer)
        # What is left unread would make the close a reset, which takes the answer away.
        os.read(descriptor, _READ_BYTES)
