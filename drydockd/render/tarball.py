"""Boot data on the wire: a GNU tar in gzip, the same bytes for the same assets.

Every member is compressed by itself and ends on a byte boundary, so the compressed pieces
can be joined in any order, made in any process, and kept: one profile that a thousand nodes
get is compressed once, and a pinned source when it was fetched. The pieces together are one
ordinary gzip stream (RFC 1952, 1951).
"""

from __future__ import annotations

import re
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from drydockd.errors import RenderError
from drydockd.model import Pin
from drydockd.render.cache import ByteCache
from drydockd.render.packing import compressor, crc_of_both, deflated

DEFAULT_MODE = 0o600

# No name, mtime 0, no extra flags, operating system unknown: nothing that varies.
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
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
class PinnedAsset:
    """One file whose content is a pinned source, just as it was fetched."""

    bootaction: str
    type: str
    path: str
    mode: int
    pin: Pin


# Of an archive: its bytes, or the digest of a part of a pin that belongs there.
Piece = bytes | str


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
    return b"".join([piece for piece in pieces(assets, cache) if isinstance(piece, bytes)])


def pieces(
    assets: Iterable[RenderedAsset | PinnedAsset], cache: Pieces | None = None
) -> Iterator[Piece]:
    """Yield what the archive consists of, in order; a pin's parts by their digests."""
    yield _GZIP_HEADER
    checksum, size = 0, 0
    for asset in assets:
        if isinstance(asset, PinnedAsset):
            pin = asset.pin
            head, padding = _frame(asset.path, asset.mode, pin.size)
            checksum = crc_of_both(zlib.crc32(head, checksum), pin.crc, pin.size)
            checksum = zlib.crc32(padding, checksum)
            size += len(head) + pin.size + len(padding)
            yield b"".join(deflated([head]))
            yield from pin.parts
            yield b"".join(deflated([padding]))
            continue
        member = _kept(asset, cache)
        size += sum(map(len, member.parts))
        for part in member.parts:
            checksum = zlib.crc32(part, checksum)
        yield from member.packed or deflated(member.parts)
    end, packed = _end(-size % tarfile.RECORDSIZE)
    yield packed
    yield struct.pack("<II", zlib.crc32(end, checksum), (size + len(end)) & 0xFFFFFFFF)


@lru_cache(maxsize=64)
def _end(room: int) -> tuple[bytes, bytes]:
    """Return the end of the archive that fills `room` bytes of its last record, and packed."""
    end = bytes(room if room >= 2 * tarfile.BLOCKSIZE else room + tarfile.RECORDSIZE)
    last = compressor(len(end))
    return end, last.compress(end) + last.flush(zlib.Z_FINISH)


def _kept(asset: RenderedAsset, cache: Pieces | None) -> Member:
    if cache is None or len(asset.content) > _PIECE_MOST_BYTES:
        return Member(_parts(asset))
    key = (asset.path, asset.mode, asset.content)
    member = cache.get(key)
    if member is None:
        parts = _parts(asset)
        member = Member((b"".join(parts),), tuple(deflated(parts)))
        size = sum(map(len, member.parts + member.packed))
        cache.put(key, member, size + len(asset.content) + _ENTRY_BYTES)
    return member


def _parts(asset: RenderedAsset) -> tuple[bytes, ...]:
    """Return header, content and padding of a member."""
    head, padding = _frame(asset.path, asset.mode, len(asset.content))
    return head, asset.content, padding


def _frame(path: str, mode: int, size: int) -> tuple[bytes, bytes]:
    """Return what stands before and behind the content of a member."""
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, mode
    # TarInfo's defaults are the rest: regular file, uid, gid and mtime 0, no names.
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict"), bytes(-size % tarfile.BLOCKSIZE)
