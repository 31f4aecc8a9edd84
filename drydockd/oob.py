"""The optional keys of a node's `oob` section: which there are, and how their texts are read.

A design rule judges them, drivers read them; both with these functions. A design keeps every
key as text, and YAML's own true and false arrive as Python writes them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping

_FINGERPRINT_PREFIX = re.compile(r"^sha-?256(?: fingerprint)?\s*[:=]\s*", re.IGNORECASE)


def parse_port(text: str) -> int:
    """Return a TCP or UDP port. Raises ValueError: what is wanted instead."""
    if text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 65535:
        return int(text)
    raise ValueError("a port, 1 to 65535")


def parse_truth(text: str) -> bool:
    """Return true or false. Raises ValueError."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise ValueError("true or false")


def parse_uuid(text: str) -> str:
    """Return a UUID in its usual form. Raises ValueError."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError("a UUID") from None


def parse_fingerprint(text: str) -> str:
    """Return the 64 lower case hex digits of a certificate's SHA-256 fingerprint.

    With or without colons and ``sha256:``, as ``openssl x509 -fingerprint -sha256`` prints it.
    Raises ValueError.
    """
    digits = _FINGERPRINT_PREFIX.sub("", text.strip()).replace(":", "").replace(" ", "").lower()
    if re.fullmatch("[0-9a-f]{64}", digits) is None:
        raise ValueError("a SHA-256 fingerprint: 64 hex digits, with or without colons")
    return digits


# Levels of IPMI that suffice for switching a machine; IPMI 2.0, 22.17.
PRIVILEGES = ("ADMINISTRATOR", "OPERATOR")
# IPMI 2.0, 22.15.2; 0 would log in without a password.
SUITES = range(1, 18)


def parse_privilege(text: str) -> str:
    """Return the level that is asked for at an IPMI login. Raises ValueError."""
    if text.upper() not in PRIVILEGES:
        raise ValueError(" or ".join(PRIVILEGES))
    return text.upper()


def parse_suites(text: str) -> tuple[int, ...]:
    """Return cipher suites of IPMI, such as ``17,3``, in their order. Raises ValueError."""
    known = {str(suite): suite for suite in SUITES}
    words = [word.strip() for word in text.split(",")]
    if not all(word in known for word in words):
        raise ValueError("numbers from 1 to 17, such as 17,3")
    return tuple(known[word] for word in words)


# oob.type -> key -> what reads it. Keys that are any text are not here.
OPTIONAL: Mapping[str, Mapping[str, Callable[[str], object]]] = {
    "ipmi": {
        "port": parse_port,
        "cipher_suite": parse_suites,
        "privilege": parse_privilege,
    },
    "redfish": {
        "port": parse_port,
        "verify": parse_truth,
        "uuid": parse_uuid,
        "fingerprint": parse_fingerprint,
    },
}


def wrong_keys(oob_type: str | None, parameters: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each optional key whose text cannot be read, and what is wanted; an empty one is none."""
    for key, parse in OPTIONAL.get(oob_type or "", {}).items():
        try:
            if text := parameters.get(key):
                parse(text)
        except ValueError as error:
            yield key, str(error)
