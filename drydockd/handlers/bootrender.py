"""A node's boot data: from its boot context to rendered assets, and word of failures."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

from drydockd.errors import DrydockError, InvalidDesign, NotFound, RenderError, Unavailable
from drydockd.model import BootContext
from drydockd.render import ByteCache, RenderedAsset, Templates, render_assets, tar_gz
from drydockd.render.tarball import Pieces
from drydockd.site import Site
from drydockd.store.base import Store
from drydockd.tasks import Tasks

if TYPE_CHECKING:
    from drydockd.design import Designs

log = logging.getLogger(__name__)

KEPT_SITES = 4
KEPT_COMPLAINTS = 1000
PIECE_CACHE_BYTES = 16 << 20
ARCHIVE_CACHE_BYTES = 8 << 20
# Below this the whole archive goes out in one piece, with its length.
WHOLE_BYTES = 64 * 1024


class BootRenderer:
    """Renders what a node fetches, from the design its deployment was pinned to."""

    def __init__(
        self,
        store: Store,
        designs: Designs,
        tasks: Tasks,
        templates: Templates,
        report_url: str,
    ) -> None:
        self._store = store
        self._designs = designs
        self._tasks = tasks
        self._templates = templates
        self._report_url = report_url
        # A thousand nodes of one deployment ask at once: they share one look at the design.
        self._sites: OrderedDict[str, asyncio.Task[Site]] = OrderedDict()
        self.pieces: Pieces = ByteCache(PIECE_CACHE_BYTES)
        self._archives: ByteCache[bytes] = ByteCache(ARCHIVE_CACHE_BYTES)
        self._complaints: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def archive(self, context: BootContext, kind: str) -> bytes | list[RenderedAsset]:
        """Return the archive if it is short, else what is to go into it.

        A context's design is pinned and its boot actions are settled: an archive without
        fetched assets is the same for as long as the context is, and kept for the second
        asking. Raises as `assets`.
        """
        key = (context.context_id, kind)
        if (kept := self._archives.get(key)) is not None:
            return kept
        assets = await self.assets(context, kind)
        if sum(len(asset.content) for asset in assets) > WHOLE_BYTES:
            return assets
        archive = tar_gz(assets, self.pieces)
        if not any(asset.fetched for asset in assets):
            self._archives.put(key, archive, len(archive))
        return archive

    async def assets(self, context: BootContext, kind: str) -> list[RenderedAsset]:
        """Return the node's files of `kind` (``unit`` or ``file``), all rendered.

        Raises RenderError or Unavailable, after telling the node's task (once per cause).
        """
        try:
            return await self._render(context, kind)
        except (RenderError, Unavailable, InvalidDesign) as error:
            await self._complain(context, kind, error)
            if isinstance(error, InvalidDesign):
                raise RenderError(str(error)) from error
            raise

    async def _render(self, context: BootContext, kind: str) -> list[RenderedAsset]:
        site = await self._site(context)
        node = site.nodes.get(context.node)
        if node is None:
            raise RenderError(f"{context.node}: the pinned design has no such node")
        marker, end_user = self._on_behalf_of(context)
        return await render_assets(
            site,
            node,
            kind,
            self._tasks.boot_grants(context),
            report_url=self._report_url,
            design_ref=context.design_ref,
            fetch=partial(self._designs.fetch, marker=marker, end_user=end_user),
            templates=self._templates,
        )

    def _on_behalf_of(self, context: BootContext) -> tuple[str, str]:
        try:
            caller = self._store.task(context.task_id).caller
        except NotFound:
            return "", ""
        return (caller.external_marker, caller.end_user) if caller else ("", "")

    async def _site(self, context: BootContext) -> Site:
        digest = context.design
        loading = self._sites.get(digest)
        if loading is None:
            name = f"boot data design {digest[:12]}"
            loading = asyncio.create_task(self._load(digest, context.design_ref), name=name)
            self._sites[digest] = loading
            if len(self._sites) > KEPT_SITES:
                self._sites.popitem(last=False)
        else:
            self._sites.move_to_end(digest)
        try:
            # A client that goes away must not end what others wait for.
            return await asyncio.shield(loading)
        except DrydockError:
            self._sites.pop(digest, None)
            raise

    async def _load(self, digest: str, ref: str) -> Site:
        try:
            content = await self._store.blob(digest)
        except NotFound:
            raise RenderError(f"the pinned design {digest[:12]} is not in the store") from None
        design = await self._designs.compile(content, ref)
        return design.site

    async def _complain(self, context: BootContext, kind: str, error: DrydockError) -> None:
        """Put the failure on the node's task: the same one only once, nodes try again often."""
        key, text = (context.context_id, kind), str(error)
        if self._complaints.get(key) == text:
            return
        self._complaints[key] = text
        if len(self._complaints) > KEPT_COMPLAINTS:
            self._complaints.popitem(last=False)
        try:
            await self._tasks.note_render_failure(
                context.node, f"boot data ({kind}) could not be rendered: {text}"
            )
        except Unavailable as problem:
            log.warning("boot data failure of %s is not recorded: %s", context.node, problem)
