"""Why a token is refused, in words for its sender: from the token's own content, and no more."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping

ABSENT = "no token: send one in X-Auth-Token"
MALFORMED = "the token is malformed: it has characters that no token has, or is too long"
# What a token says of itself is shown, but not at any length.
_MOST_CHARS = 100


def unverified_claims(token: str) -> Mapping[str, object] | None:
    """Return what a JWT claims, verified by nobody; None if it cannot be read."""
    try:
        segment = token.split(".")[1]
        padded = segment + "=" * (-len(segment) % 4)
        claims = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, IndexError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


def expiry_reason(end: object, *, leeway_seconds: float = 0) -> str | None:
    """Say that a token whose end (seconds since the epoch) is past has expired."""
    if not isinstance(end, int | float) or isinstance(end, bool):
        return None
    late = time.time() - end
    if late <= leeway_seconds:
        return None
    return f"the token expired {span(late)} ago"


def span(seconds: float) -> str:
    """Return a time as one speaks of it."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds)} s"


def quoted(value: object) -> str:
    """Return a claim's value on one line, shortened."""
    text = json.dumps(value)
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}..."
