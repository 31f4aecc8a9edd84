"""Boot data on the wire: a GNU tar in gzip, the same bytes for the same assets.

Every member is compressed by itself and ends on a byte boundary, so the compressed pieces
can be joined in any order, made in any process, and kept: one profile that a thousand nodes
get is compressed once. The pieces together are one ordinary gzip stream (RFC 1952, 1951).
"""

from __future__ import annotations

import asyncio
import struct
import tarfile
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from drydockd.errors import RenderError
from drydockd.render.cache import ByteCache

DEFAULT_MODE = 0o600
CHUNK_BYTES = 64 * 1024
LEVEL = 6

# No name, mtime 0, no extra flags, operating system unknown: nothing that varies.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# Input is always fed in slices of this size, so the output does not depend on the caller's.
_SLICE_BYTES = 256 * 1024
_PIECE_MOST_BYTES = 512 * 1024
_PATH_MOST_BYTES = 4095


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


def check_path(path: str) -> None:
    """Raise RenderError for a path that must not reach an extracting ``tar`` as root."""
    if not path.startswith("/"):
        raise RenderError("the path does not start with /")
    if path.endswith("/"):
        raise RenderError("the path ends with /, which names a folder")
    if any(ord(c) < 32 or ord(c) == 127 for c in path):
        raise RenderError("the path has a control character")
    if ".." in path.split("/"):
        raise RenderError("the path has a .. segment")
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        raise RenderError("the path cannot be written as UTF-8") from None
    if size > _PATH_MOST_BYTES:
        raise RenderError(f"the path is longer than {_PATH_MOST_BYTES} bytes")


def tar_gz(assets: Iterable[RenderedAsset], cache: ByteCache | None = None) -> bytes:
    """Return the archive. Same assets, same bytes, with a cache or without."""
    return b"".join(_pieces(assets, cache))


def iter_tar_gz(
    assets: Iterable[RenderedAsset],
    chunk_bytes: int = CHUNK_BYTES,
    cache: ByteCache | None = None,
) -> Iterator[bytes]:
    """Yield the bytes of `tar_gz` in chunks of `chunk_bytes`, the last one shorter."""
    yield from _rechunk(_pieces(assets, cache), chunk_bytes)


async def stream_tar_gz(
    assets: Sequence[RenderedAsset],
    chunk_bytes: int = CHUNK_BYTES,
    cache: ByteCache | None = None,
) -> AsyncIterator[bytes]:
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


def _pieces(assets: Iterable[RenderedAsset], cache: ByteCache | None) -> Iterator[bytes]:
    yield _GZIP_HEADER
    checksum, size = 0, 0
    for asset in assets:
        head, tail = _around(asset)
        for part in (head, asset.content, tail):
            checksum = zlib.crc32(part, checksum)
        size += len(head) + len(asset.content) + len(tail)
        yield from _compressed(asset, head, tail, cache)
    end = bytes(2 * tarfile.BLOCKSIZE)
    end += bytes(-(size + len(end)) % tarfile.RECORDSIZE)
    last = _compressor()
    yield last.compress(end) + last.flush(zlib.Z_FINISH)
    yield struct.pack("<II", zlib.crc32(end, checksum), (size + len(end)) & 0xFFFFFFFF)


def _around(asset: RenderedAsset) -> tuple[bytes, bytes]:
    """Return what goes before and after the content of a member."""
    member = tarfile.TarInfo(asset.path)
    member.size, member.mode = len(asset.content), asset.mode
    # TarInfo's defaults are the rest: regular file, uid, gid and mtime 0, no names.
    head = member.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")
    return head, bytes(-len(asset.content) % tarfile.BLOCKSIZE)


def _compressed(
    asset: RenderedAsset, head: bytes, tail: bytes, cache: ByteCache | None
) -> Iterator[bytes]:
    if cache is None or len(asset.content) > _PIECE_MOST_BYTES:
        yield from _deflate(head, asset.content, tail)
        return
    key = (asset.path, asset.mode, asset.content)
    piece = cache.get(key)
    if piece is None:
        piece = b"".join(_deflate(head, asset.content, tail))
        cache.put(key, piece, len(piece) + len(asset.content))
    yield piece


def _deflate(head: bytes, content: bytes, tail: bytes) -> Iterator[bytes]:
    # A new compressor per member refers to nothing before it; Z_SYNC_FLUSH ends on a byte.
    compressor = _compressor()
    whole = head + content + tail if len(content) <= _SLICE_BYTES else None
    if whole is not None:
        yield compressor.compress(whole) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return
    yield compressor.compress(head)
    view = memoryview(content)
    for start in range(0, len(content), _SLICE_BYTES):
        yield compressor.compress(view[start : start + _SLICE_BYTES])
    yield compressor.compress(tail) + compressor.flush(zlib.Z_SYNC_FLUSH)


def _compressor() -> zlib._Compress:
    return zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
