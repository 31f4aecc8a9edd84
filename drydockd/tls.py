"""The certificate that is served: its context for new connections, and the bytes it came from."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from drydockd.errors import InvalidConfig

# A renewal that writes while we read is over by then.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Tls:
    """What new connections are served with; `chain` is the PEM text that is in the context."""

    context: ssl.SSLContext
    chain: bytes


def load_tls(certificate: Path, key: Path, section: str = "api") -> Tls:
    """Return a server context, TLS 1.2 or newer, with what the files hold now.

    They are options `tls_cert` and `tls_key` of the configuration's `section`.
    Raises InvalidConfig: files that cannot be read, or that do not belong together.
    """
    try:
        for _ in range(ATTEMPTS):
            chain = certificate.read_bytes()
            context = _context()
            context.load_cert_chain(certificate, key)
            if certificate.read_bytes() == chain:
                return Tls(context, chain)
    except OSError as error:  # an ssl.SSLError is one
        raise InvalidConfig(
            f"{section}.tls_cert {certificate}, {section}.tls_key {key}: {_cause(error, key)}"
        ) from error
    raise InvalidConfig(f"{section}.tls_cert {certificate}: changes while it is read; try again")


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A handshake costs the server more than the client: one is enough.
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def _cause(error: OSError, key: Path) -> str:
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return f"the key is not that of the certificate; put both in place, then try again ({key})"
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return error.strerror or str(error)
