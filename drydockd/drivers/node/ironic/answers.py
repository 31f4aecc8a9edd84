"""What Ironic says in its answers, as text for an operator. Pure."""

from __future__ import annotations

import re
from typing import Any

import orjson

from drydockd.log import Redaction

LONGEST_WORDS = 500
# Whoever stands before the @ of a URL, with a password or without.
_USERINFO = re.compile(r"(://)[^/\s@]+@(?=[^\s])")
_redacted = Redaction()


def plain(text: object) -> str:
    """Return `text` of Ironic's in one line, of bounded length, without credentials in URLs."""
    line = " ".join(str(text or "").split())
    line = _redacted(_USERINFO.sub(r"\1", line))
    return line if len(line) <= LONGEST_WORDS else f"{line[:LONGEST_WORDS]}..."


def words_of(content: bytes) -> str:
    """Return what an answer that refuses says: Ironic's own words, else its beginning.

    ``{"error_message": {"faultstring"}}``, where the value is JSON in JSON up to this day, or
    ``{"code", "title", "description"}``. Source: seen of Ironic 39.
    """
    found: Any
    try:
        found = orjson.loads(content)
        if isinstance(found, dict) and "error_message" in found:
            found = found["error_message"]
        if isinstance(found, str):
            found = orjson.loads(found)
    except orjson.JSONDecodeError:
        return plain(content[: 2 * LONGEST_WORDS].decode("utf-8", "replace"))
    if isinstance(found, dict):
        for key in ("faultstring", "description", "message", "title"):
            if found.get(key):
                return plain(found[key])
    return plain(found)
