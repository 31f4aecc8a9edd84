"""How a webhook's receiver knows who sent it, and when: HMAC-SHA256 over time and body."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Drydock-Signature"


def sign(secret: bytes, moment: int, body: bytes) -> str:
    """Return the header: ``t=<seconds since 1970>,v1=<hex of HMAC-SHA256 over "t.body">``."""
    digest = hmac.new(secret, b"%d." % moment + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
