"""The archives nodes fetch, with what is worth remembering between two fetches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from drydockd.errors import RenderError
from drydockd.render.assets import Complete, Rendering, Sources
from drydockd.render.cache import ByteCache
from drydockd.render.context import ActionGrant
from drydockd.render.tarball import Piece, Pieces, PinnedAsset, pieces
from drydockd.render.templates import Templates
from drydockd.site import Node, Site

# Up to here an archive is one text of bytes; a larger one is sent piece by piece.
WHOLE_BYTES = 1 << 20
CHUNK_BYTES = 256 * 1024
_THREAD_FROM_BYTES = 64 * 1024
_ENTRY_BYTES = 1024
_CHECKED_BYTES = 256

# Returns the part of a pin with that digest. Raises RenderError if it is not what it was.
Part = Callable[[str], Awaitable[bytes]]


async def no_part(digest: str) -> bytes:
    """Stands where nothing is pinned."""
    raise RenderError(f"the pinned source {digest} is nowhere")


@dataclass(frozen=True, slots=True)
class Archive:
    """One tar.gz of `size` bytes. `data` is all of it when it is small, else iterate."""

    pieces: Sequence[Piece]
    size: int
    part: Part

    @property
    def data(self) -> bytes | None:
        first = self.pieces[0]
        return first if len(self.pieces) == 1 and isinstance(first, bytes) else None

    async def chunks(self, chunk_bytes: int = CHUNK_BYTES) -> AsyncGenerator[bytes, None]:
        """Yield the archive at the consumer's pace; of what is pinned one part is in memory."""
        for piece in self.pieces:
            content = piece if isinstance(piece, bytes) else await self.part(piece)
            for start in range(0, len(content), chunk_bytes):
                yield content[start : start + chunk_bytes]


class BootData:
    """Renders and packs boot data for one event loop; one per daemon.

    Remembered, up to `cache_bytes` each: archives, of what is pinned only where it lies, and
    compressed members, which nodes share. Both hold keys and stay in memory. `templates` is its
    giver's to close; without it each archive has a set of its own.
    """

    def __init__(
        self,
        templates: Templates | None,
        *,
        part: Part = no_part,
        cache_bytes: int = 16 << 20,
    ) -> None:
        self.templates = templates
        self._part = part
        self._archives: ByteCache[Archive] = ByteCache(cache_bytes)
        self._pieces: Pieces = ByteCache(cache_bytes)
        self._checked: ByteCache[bool] = ByteCache(cache_bytes)

    def known(self, deployment: str, kind: str) -> Archive | None:
        """Return the archive of one `kind` if it is remembered; see `archive`."""
        return self._archives.get((deployment, kind))

    async def archive(
        self,
        site: Site,
        node: Node,
        kind: str,
        grants: Mapping[str, ActionGrant],
        *,
        deployment: str,
        report_url: str,
        design_ref: str,
        sources: Sources,
    ) -> Archive:
        """Return the archive of one `kind`; everything is rendered when this returns.

        What came of lasting sources is remembered for `deployment`, an id that no other node,
        design or set of grants ever has. Raises as `render_assets`.
        """
        known = self.known(deployment, kind)
        if known is not None:
            return known
        rendering = Rendering(site, node, report_url, design_ref, None, self.templates)
        async with rendering:
            assets = await rendering.complete(await rendering.prepare(kind, grants), sources)
        archive = await self._packed(assets)
        if sources.are_lasting or not any(_is_fetched(asset) for asset in assets):
            own = sum(len(piece) for piece in archive.pieces)
            self._archives.put((deployment, kind), archive, own + _ENTRY_BYTES)
        return archive

    async def packages(
        self,
        site: Site,
        node: Node,
        grants: Mapping[str, ActionGrant],
        *,
        report_url: str,
        design_ref: str,
        sources: Sources,
    ) -> dict[str, str | None]:
        """Return package name -> version or None; see `package_list`."""
        async with Rendering(site, node, report_url, design_ref, None, self.templates) as rendering:
            return await rendering.packages(grants, sources)

    async def _packed(self, assets: Complete) -> Archive:
        if sum(map(_size, assets)) > _THREAD_FROM_BYTES:
            found = await asyncio.to_thread(lambda: list(pieces(assets, self._pieces)))
        else:
            found = list(pieces(assets, self._pieces))
        await self._check(found)
        size = sum(len(piece) for piece in found if isinstance(piece, bytes))
        size += sum(asset.pin.packed for asset in assets if isinstance(asset, PinnedAsset))
        if size <= WHOLE_BYTES:
            whole = [p if isinstance(p, bytes) else await self._part(p) for p in found]
            return Archive((b"".join(whole),), size, self._part)
        return Archive(tuple(_joined(found)), size, self._part)

    async def _check(self, found: Sequence[Piece]) -> None:
        """Look at each part once: damage is told before the first byte leaves."""
        for piece in found:
            if isinstance(piece, str) and not self._checked.get(piece):
                await self._part(piece)
                self._checked.put(piece, True, _CHECKED_BYTES)


def _joined(found: Sequence[Piece]) -> list[Piece]:
    """Return `found` with the small pieces between parts of pins joined."""
    made: list[Piece] = []
    for piece in found:
        last = made[-1] if made else ""
        if isinstance(piece, bytes) and isinstance(last, bytes) and len(last) < CHUNK_BYTES:
            made[-1] = last + piece
        else:
            made.append(piece)
    return made


def _is_fetched(asset: object) -> bool:
    return isinstance(asset, PinnedAsset) or bool(getattr(asset, "fetched", False))


def _size(asset: object) -> int:
    # What is pinned was compressed when it was fetched.
    return len(getattr(asset, "content", b""))
