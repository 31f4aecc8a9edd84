"""The certificate of the boot listener, and what an agent with the CA of its initrd makes of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.errors import InvalidConfig
from drydockd.tls import Tls, load_tls

SECTION = "netboot_driver"
TURNS = 8


@dataclass(frozen=True, slots=True)
class Certificate:
    """`tls` is what new connections get, `path` where it was; `ca` is the PEM text agents trust."""

    tls: Tls
    path: Path
    ca: str


def load_certificate(options: NetbootOptions) -> Certificate | None:
    """Read the files that the options name; None where there is none. A handshake is tried.

    Raises InvalidConfig: cannot be read, do not belong together, an agent would not trust them.
    """
    if options.tls_cert is None or options.tls_key is None:
        return None
    tls = load_tls(options.tls_cert, options.tls_key, SECTION)
    ca = _authorities(options.tls_ca) if options.tls_ca else tls.chain.decode("ascii", "replace")
    trusted = f"tls_ca {options.tls_ca}" if options.tls_ca else "it alone (tls_ca is not set)"
    for url in dict.fromkeys((options.told_url, options.reports_to)):
        host = urlsplit(url).hostname or ""
        problem = refusal(tls.context, ca, host) if url.startswith("https:") else None
        if problem is not None:
            raise InvalidConfig(
                f"{SECTION}.tls_cert {options.tls_cert}: machines, which speak to {url} and "
                f"trust {trusted}, would refuse it: {problem}"
            )
    return Certificate(tls, options.tls_cert, ca)


def refusal(context: ssl.SSLContext, ca: str, host: str) -> str | None:
    """Why a client that trusts `ca` and wants `host` refuses the server of `context`; None: it
    does not. A handshake in memory."""
    try:
        client = ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        return f"no certificate of a CA can be read there: {error}"
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server, server_hostname=host),
        context.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(TURNS):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except ssl.SSLError as error:
                return error.reason or str(error)
    return None


def _authorities(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "is no PEM text"
        raise InvalidConfig(f"{SECTION}.tls_ca {path}: {cause}") from error
