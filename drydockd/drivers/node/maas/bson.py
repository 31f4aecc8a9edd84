"""The little of BSON that MAAS' ``op=details`` uses: one flat document of binaries and nulls.

Source: bsonspec.org, version 1.1; contract, maas-facts, row 24.
"""

from __future__ import annotations

import struct

_NULL, _BINARY, _STRING = 0x0A, 0x05, 0x02


def decode(data: bytes) -> dict[str, bytes | None]:
    """Return the document's values by key. Raises ValueError: damaged, or another type."""
    try:
        (length,) = struct.unpack_from("<i", data)
        if length != len(data) or data[-1:] != b"\0":
            raise ValueError(f"BSON of {length} bytes in {len(data)}")
        return _elements(data[4:-1])
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"damaged BSON: {error}") from error


def _elements(data: bytes) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    at = 0
    while at < len(data):
        kind = data[at]
        end = data.index(b"\0", at + 1)
        name, at = data[at + 1 : end].decode(), end + 1
        if kind == _NULL:
            found[name] = None
            continue
        if kind not in (_BINARY, _STRING):
            raise ValueError(f"BSON: {name} is of type {kind:#04x}")
        (size,) = struct.unpack_from("<i", data, at)
        # A binary has a subtype before its bytes, a string a NUL behind them.
        start = at + 5 if kind == _BINARY else at + 4
        if size < 0 or start + size > len(data):
            raise ValueError(f"BSON: {name} of {size} bytes is cut off")
        found[name] = data[start : start + size].rstrip(b"\0" if kind == _STRING else b"")
        at = start + size
    return found
