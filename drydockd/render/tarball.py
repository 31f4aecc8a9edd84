"""Boot data on the wire: a GNU tar in gzip, the same bytes for the same assets.

Every member is compressed by itself and ends on a byte boundary, so the compressed pieces
can be joined in any order, made in any process, and kept: one profile that a thousand nodes
get is compressed once. The pieces together are one ordinary gzip stream (RFC 1952, 1951).
"""

from __future__ import annotations

import asyncio
import re
import struct
import tarfile
import zlib
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from drydockd.errors import RenderError
from drydockd.render.cache import ByteCache

DEFAULT_MODE = 0o600
CHUNK_BYTES = 64 * 1024
LEVEL = 6

# No name, mtime 0, no extra flags, operating system unknown: nothing that varies.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# Input is always fed in slices of this size, so the output does not depend on the caller's.
_SLICE_BYTES = 256 * 1024
_SMALL_BYTES = 8 * 1024
_ENTRY_BYTES = 256
_PIECE_MOST_BYTES = 512 * 1024
_PATH_MOST_BYTES = 4095
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class RenderedAsset:
    """One file as the node gets it. `location` is the rendered source, `fetched` if it has one.

    Its content may hold a key: it never goes into a log or an error.
    """

    bootaction: str
    type: str
    path: str
    mode: int
    content: bytes
    location: str | None = None

    @property
    def fetched(self) -> bool:
        return self.location is not None

    def __repr__(self) -> str:
        return f"RenderedAsset({self.bootaction!r}, {self.path!r}, {len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive: its bytes, and the same compressed once it was worth keeping."""

    parts: tuple[bytes, ...]
    packed: tuple[bytes, ...] = ()


# Compressed members by path, mode and content.
Pieces = ByteCache[Member]


def check_path(path: str) -> None:
    """Raise RenderError for a path that must not reach an extracting ``tar`` as root."""
    if not path.startswith("/"):
        raise RenderError("the path does not start with /")
    if path.endswith("/"):
        raise RenderError("the path ends with /, which names a folder")
    if _CONTROL.search(path):
        raise RenderError("the path has a control character")
    if ".." in path.split("/"):
        raise RenderError("the path has a .. segment")
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        raise RenderError("the path cannot be written as UTF-8") from None
    if size > _PATH_MOST_BYTES:
        raise RenderError(f"the path is longer than {_PATH_MOST_BYTES} bytes")


def tar_gz(assets: Iterable[RenderedAsset], cache: Pieces | None = None) -> bytes:
    """Return the archive. Same assets, same bytes, with a cache or without."""
    return b"".join(_pieces(assets, cache))


def iter_tar_gz(
    assets: Iterable[RenderedAsset],
    chunk_bytes: int = CHUNK_BYTES,
    cache: Pieces | None = None,
) -> Iterator[bytes]:
    """Yield the bytes of `tar_gz` in chunks of `chunk_bytes`, the last one shorter."""
    yield from _rechunk(_pieces(assets, cache), chunk_bytes)


async def stream_tar_gz(
    assets: Sequence[RenderedAsset],
    chunk_bytes: int = CHUNK_BYTES,
    cache: Pieces | None = None,
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of `tar_gz`; what takes more than a moment is compressed in a thread."""
    chunks = iter_tar_gz(assets, chunk_bytes, cache)
    if sum(len(asset.content) for asset in assets) <= CHUNK_BYTES:
        for chunk in chunks:
            yield chunk
        return
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


def _rechunk(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    pending = bytearray()
    for piece in pieces:
        pending += piece
        while len(pending) >= size:
            yield bytes(pending[:size])
            del pending[:size]
    if pending:
        yield bytes(pending)


def _pieces(assets: Iterable[RenderedAsset], cache: Pieces | None) -> Iterator[bytes]:
    yield _GZIP_HEADER
    checksum, size = 0, 0
    for asset in assets:
        member = _kept(asset, cache)
        size += sum(map(len, member.parts))
        for part in member.parts:
            checksum = zlib.crc32(part, checksum)
        yield from member.packed or _deflate(member.parts)
    end, packed = _end(-size % tarfile.RECORDSIZE)
    yield packed
    yield struct.pack("<II", zlib.crc32(end, checksum), (size + len(end)) & 0xFFFFFFFF)


@lru_cache(maxsize=64)
def _end(room: int) -> tuple[bytes, bytes]:
    """Return the end of the archive that fills `room` bytes of its last record, and packed."""
    end = bytes(room if room >= 2 * tarfile.BLOCKSIZE else room + tarfile.RECORDSIZE)
    last = _compressor(len(end))
    return end, last.compress(end) + last.flush(zlib.Z_FINISH)


def _kept(asset: RenderedAsset, cache: Pieces | None) -> Member:
    if cache is None or len(asset.content) > _PIECE_MOST_BYTES:
        return Member(_parts(asset))
    key = (asset.path, asset.mode, asset.content)
    member = cache.get(key)
    if member is None:
        parts = _parts(asset)
        member = Member((b"".join(parts),), tuple(_deflate(parts)))
        size = sum(map(len, member.parts + member.packed))
        cache.put(key, member, size + len(asset.content) + _ENTRY_BYTES)
    return member


def _parts(asset: RenderedAsset) -> tuple[bytes, ...]:
    """Return header, content and padding of a member."""
    info = tarfile.TarInfo(asset.path)
    info.size, info.mode = len(asset.content), asset.mode
    # TarInfo's defaults are the rest: regular file, uid, gid and mtime 0, no names.
    head = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")
    return head, asset.content, bytes(-len(asset.content) % tarfile.BLOCKSIZE)


def _deflate(parts: tuple[bytes, ...]) -> Iterator[bytes]:
    # A new compressor per member refers to nothing before it; Z_SYNC_FLUSH ends on a byte.
    compressor = _compressor(sum(map(len, parts)))
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(part), _SLICE_BYTES):
            yield compressor.compress(view[start : start + _SLICE_BYTES])
    yield compressor.flush(zlib.Z_SYNC_FLUSH)


def _compressor(size: int) -> zlib._Compress:
    # A full window costs 50 us to set up, more than a small member takes to compress.
    if size <= _SMALL_BYTES:
        return zlib.compressobj(LEVEL, zlib.DEFLATED, -12, 5)
    return zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
