"""The archives nodes fetch, with what is worth remembering between two fetches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Hashable, Mapping, Sequence
from contextlib import aclosing

from drydockd.render.assets import Fetch, Prepared, Rendering
from drydockd.render.cache import ByteCache
from drydockd.render.context import ActionGrant
from drydockd.render.tarball import CHUNK_BYTES, Pieces, RenderedAsset, stream_tar_gz, tar_gz
from drydockd.render.templates import Templates
from drydockd.site import Node, Site

# Up to here an archive is made whole; a larger one is compressed while it is sent.
WHOLE_BYTES = 1 << 20
_ENTRY_BYTES = 1024


class Archive:
    """One tar.gz. `data` is all of it when it is small or known, else iterate."""

    def __init__(
        self, data: bytes | None, assets: Sequence[RenderedAsset] = (), pieces: Pieces | None = None
    ) -> None:
        self.data = data
        self._assets = assets
        self._pieces = pieces

    async def chunks(self, chunk_bytes: int = CHUNK_BYTES) -> AsyncGenerator[bytes, None]:
        """Yield the archive; the consumer's pace is kept, large members are packed in threads."""
        if self.data is None:
            async with aclosing(stream_tar_gz(self._assets, chunk_bytes, self._pieces)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        for start in range(0, len(self.data), chunk_bytes):
            yield self.data[start : start + chunk_bytes]


class BootData:
    """Renders and packs boot data for one event loop; one per daemon.

    Remembered, up to `cache_bytes` each: what was rendered for a node (its whole archive when
    nothing in it is fetched; a location is fetched every time), and compressed members, which
    nodes share. Both hold keys and stay in memory. `templates` is its giver's to close.
    """

    def __init__(self, templates: Templates, *, cache_bytes: int = 16 << 20) -> None:
        self.templates = templates
        self._rendered: ByteCache[Prepared | bytes] = ByteCache(cache_bytes)
        self._pieces: Pieces = ByteCache(cache_bytes)

    async def archive(
        self,
        site: Site,
        node: Node,
        kind: str,
        grants: Mapping[str, ActionGrant],
        *,
        design: str,
        report_url: str,
        design_ref: str,
        fetch: Fetch,
    ) -> Archive:
        """Return the archive of one `kind`; everything is rendered when this returns.

        `design` is the digest of the design `site` came from. Raises as `render_assets`.
        """
        key = (design, node.name, kind, report_url, design_ref, tuple(grants.items()))
        known = self._rendered.get(key)
        if isinstance(known, bytes):
            return Archive(known)
        rendering = Rendering(site, node, report_url, design_ref, None, self.templates)
        async with rendering:
            prepared = known or await rendering.prepare(kind, grants)
            assets = await rendering.complete(prepared, fetch)
        archive = await self._packed(assets)
        self._remember(key, prepared, archive, assets)
        return archive

    async def _packed(self, assets: Sequence[RenderedAsset]) -> Archive:
        size = sum(len(asset.content) for asset in assets)
        if size > WHOLE_BYTES:
            return Archive(None, assets, self._pieces)
        if size > CHUNK_BYTES:
            return Archive(await asyncio.to_thread(tar_gz, assets, self._pieces))
        return Archive(tar_gz(assets, self._pieces))

    def _remember(
        self, key: Hashable, prepared: Prepared, archive: Archive, assets: Sequence[RenderedAsset]
    ) -> None:
        if archive.data is not None and not any(asset.fetched for asset in assets):
            self._rendered.put(key, archive.data, len(archive.data) + _ENTRY_BYTES)
            return
        local = [len(a.content) for a in prepared if isinstance(a, RenderedAsset)]
        self._rendered.put(key, prepared, sum(local) + _ENTRY_BYTES * (1 + len(prepared)))
