"""A BSON document of binaries and nulls, as `op=details` answers it. Source: bsonspec.org, 1.1."""

from __future__ import annotations

import struct
from collections.abc import Mapping


def bson(document: Mapping[str, bytes | None]) -> bytes:
    body = b""
    for name, value in document.items():
        if value is None:
            body += b"\x0a" + name.encode() + b"\0"
        else:
            body += b"\x05" + name.encode() + b"\0" + struct.pack("<iB", len(value), 0) + value
    return struct.pack("<i", len(body) + 5) + body + b"\0"
