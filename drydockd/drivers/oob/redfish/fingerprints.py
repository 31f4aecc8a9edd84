"""SHA-256 fingerprints of certificates, as people see them; `drydockd.oob` reads them."""

from __future__ import annotations

import hashlib


def fingerprint_of(certificate: bytes) -> str:
    """The fingerprint of a certificate in DER."""
    return hashlib.sha256(certificate).hexdigest()


def shown(fingerprint: str) -> str:
    """With colons: 64 digits in one piece are masked in log lines, as they could be a key."""
    pairs = zip(fingerprint[::2], fingerprint[1::2], strict=True)
    return ":".join(first + second for first, second in pairs).upper()
