"""Design references: what a URI asks for, and how it is shown without its password.

Source: contract, design, section 1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from drydockd.design.documents.fields import SCHEMES
from drydockd.errors import InvalidDesign

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_HOST = re.compile(r"[\w.:-]+")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference. `url` is what to GET, without user and fragment, empty for files.

    `service` says that drydockd's own identity fetches it (``deckhand+``, ``promenade+``);
    `shown` is the reference for logs and messages.
    """

    shown: str
    scheme: str
    path: str = ""
    url: str = field(default="", repr=False)
    host: str = ""
    port: int = 0
    service: bool = False
    basic: tuple[str, str] | None = field(default=None, repr=False)


def parse(text: str) -> Reference:
    """Return the parts of a design reference. Raises InvalidDesign, which names no password."""
    shown = redacted(text)
    scheme, separator, _ = text.partition(":")
    scheme = scheme.lower()
    if not separator or scheme not in SCHEMES:
        raise InvalidDesign(
            f"{shown}: not a design reference; it begins with one of {', '.join(SCHEMES)}"
        )
    if scheme == "file":
        return _file(text, shown)
    service, _, transport = scheme.rpartition("+")
    return _http(transport + text[len(scheme) :], shown, transport, scheme, bool(service))


def redacted(text: str) -> str:
    """Return `text` without user and password, also when it is no proper URI.

    Passwords may hold any character, so everything up to the last @ goes.
    """
    head, separator, rest = text.partition("//")
    if not separator or "@" not in rest:
        return _printable(text)
    return _printable(f"{head}//***@{rest.rpartition('@')[2]}")


def _printable(text: str) -> str:
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text if len(text) <= 300 else text[:297] + "..."


def _file(text: str, shown: str) -> Reference:
    try:
        path = unquote(urlsplit(text).path, errors="strict")
    except ValueError as error:
        raise InvalidDesign(f"{shown}: not a file reference: {error}") from error
    if not path.startswith("/") or "\0" in path:
        raise InvalidDesign(f"{shown}: a file reference needs an absolute path, as file:///a/b")
    return Reference(shown, "file", path=path)


def _http(url: str, shown: str, transport: str, scheme: str, service: bool) -> Reference:
    # A rendered location may hold blanks, which are sent as %20; other controls never.
    if _CONTROL.search(url.replace(" ", "")):
        raise InvalidDesign(f"{shown}: a reference holds no control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        # The text of the ValueError may quote what stands in the place of the port.
        raise InvalidDesign(f"{shown}: not a URI; check brackets, port and @") from None
    if not host or _HOST.fullmatch(host) is None:
        raise InvalidDesign(f"{shown}: the reference names no host")
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    basic = None
    if parts.username and parts.password and not service:
        basic = (unquote(parts.username), unquote(parts.password))
    return Reference(
        shown=shown,
        scheme=scheme,
        url=parts._replace(netloc=netloc, fragment="").geturl(),
        host=host.lower().rstrip("."),
        port=port if port is not None else _PORTS[transport],
        service=service,
        basic=basic,
    )
