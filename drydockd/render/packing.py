"""Contents that are kept deflated, in parts that go into an archive as they are.

A part is raw DEFLATE (RFC 1951) that refers to nothing before it and ends on a byte boundary,
so parts and other pieces of `tarball` can stand behind one another in one gzip stream.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from drydockd.errors import RenderError

# Of content. What one client that is slow holds in memory, and what is checked at a time.
PART_BYTES = 256 * 1024
LEVEL = 6

_SMALL_BYTES = 8 * 1024
# CRC-32 as gzip has it (RFC 1952, section 8), the lowest bit first.
_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31


@dataclass(frozen=True, slots=True)
class Packed:
    """`size` and `crc` are of the content, `parts` what it became."""

    size: int
    crc: int
    parts: tuple[bytes, ...]


def pack(content: bytes) -> Packed:
    """Return `content` in parts; the same every time."""
    view = memoryview(content)
    starts = range(0, len(content), PART_BYTES)
    parts = [b"".join(deflated([view[start : start + PART_BYTES]])) for start in starts]
    return Packed(len(content), zlib.crc32(content), tuple(parts))


def unpack(parts: Iterable[bytes], size: int) -> bytes:
    """Return the content of `size` bytes. Raises RenderError if it is another."""
    content = bytearray()
    try:
        for part in parts:
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            content += inflate.decompress(part, PART_BYTES)
    except zlib.error as error:
        raise RenderError(f"what was kept of it cannot be read: {error}") from None
    if len(content) != size:
        raise RenderError(f"{len(content)} of its {size} bytes were kept")
    return bytes(content)


def deflated(parts: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield `parts` as one piece of a DEFLATE stream, ended by Z_SYNC_FLUSH."""
    parts = list(parts)
    compress = compressor(sum(map(len, parts)))
    for part in parts:
        view = memoryview(part)
        # Always the same slices, so the output does not depend on the caller's.
        for start in range(0, len(part), PART_BYTES):
            yield compress.compress(view[start : start + PART_BYTES])
    yield compress.flush(zlib.Z_SYNC_FLUSH)


def compressor(size: int) -> zlib._Compress:
    # A full window costs 50 us to set up, more than a small member takes to compress.
    if size <= _SMALL_BYTES:
        return zlib.compressobj(LEVEL, zlib.DEFLATED, -12, 5)
    return zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)


def crc_of_both(first: int, second: int, size: int) -> int:
    """Return the CRC-32 of two contents joined; `size` is the bytes of the second.

    Appending bytes multiplies the first one's remainder by a power of x, modulo the polynomial.
    """
    return _times(_shift(size), first) ^ second


@lru_cache(maxsize=1024)
def _shift(size: int) -> int:
    """Return x to the power of 8 * `size`."""
    power, square = _ONE, _ONE >> 8
    while size:
        if size & 1:
            power = _times(square, power)
        square = _times(square, square)
        size >>= 1
    return power


def _times(a: int, b: int) -> int:
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ _POLYNOMIAL if b & 1 else b >> 1
    return product
