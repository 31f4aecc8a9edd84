"""SHA-256 fingerprints of certificates, as people write and read them."""

from __future__ import annotations

import hashlib
import re

_PREFIX = re.compile(r"^sha-?256(?: fingerprint)?\s*[:=]\s*", re.IGNORECASE)


def parse_fingerprint(text: str) -> str:
    """Return 64 lower case hex digits for `text`, with or without colons and ``sha256:``.

    That is how ``openssl x509 -fingerprint -sha256`` prints them. Raises ValueError.
    """
    digits = _PREFIX.sub("", text.strip()).replace(":", "").replace(" ", "").lower()
    if re.fullmatch("[0-9a-f]{64}", digits) is None:
        raise ValueError("a SHA-256 fingerprint is 64 hex digits, with or without colons")
    return digits


def fingerprint_of(certificate: bytes) -> str:
    """The fingerprint of a certificate in DER."""
    return hashlib.sha256(certificate).hexdigest()


def shown(fingerprint: str) -> str:
    """With colons: 64 digits in one piece are masked in log lines, as they could be a key."""
    pairs = zip(fingerprint[::2], fingerprint[1::2], strict=True)
    return ":".join(first + second for first, second in pairs).upper()
