"""A node's boot data: from its boot context to rendered assets, and word of failures."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

from drydockd.design.references import redacted
from drydockd.errors import (
    DrydockError,
    InvalidDesign,
    NotFound,
    RenderError,
    StoreRefused,
    Unavailable,
)
from drydockd.model import BootContext, Caller
from drydockd.render import Archive
from drydockd.site import Site
from drydockd.store.base import Store
from drydockd.tasks import OfContext, Tasks

if TYPE_CHECKING:
    from drydockd.design import Designs

log = logging.getLogger(__name__)

KEPT_SITES = 4


class BootRenderer:
    """Renders what a node fetches, from the design its deployment was pinned to."""

    def __init__(self, store: Store, designs: Designs, tasks: Tasks, report_url: str) -> None:
        self._store = store
        self._designs = designs
        self._deployments = tasks.deployments
        self._pinned = tasks.pinned
        self._boot_data = tasks.boot_data
        self._report_url = report_url
        # A thousand nodes of one deployment ask at once: they share one look at the design.
        self._sites: OrderedDict[str, asyncio.Task[Site]] = OrderedDict()

    async def archive(self, context: BootContext, kind: str, key: str | None = None) -> Archive:
        """Return the node's archive of `kind` (``unit`` or ``file``), all of it rendered.

        `key` is the one the node was admitted with. Raises RenderError or Unavailable, after
        telling the node's task (once per cause).
        """
        known = self._boot_data.known(context.context_id, kind)
        if known is not None:
            return known
        try:
            return await self._render(context, kind, key)
        except (RenderError, Unavailable, InvalidDesign) as error:
            await self.complain(context, kind, error)
            if isinstance(error, InvalidDesign):
                raise RenderError(str(error)) from error
            raise

    async def _render(self, context: BootContext, kind: str, key: str | None) -> Archive:
        site = await self._site(context)
        node = site.nodes.get(context.node)
        if node is None:
            which = "pinned design" if context.design else f"design {redacted(context.design_ref)}"
            raise RenderError(f"{context.node}: the {which} has no such node")
        return await self._boot_data.archive(
            site,
            node,
            kind,
            self._deployments.grants(context, key=key),
            deployment=context.context_id,
            report_url=self._report_url,
            design_ref=context.design_ref,
            sources=OfContext(self._pinned, context, partial(self._fetch, context)),
        )

    async def _fetch(self, context: BootContext, location: str) -> bytes:
        caller = self._deployments.on_behalf_of(context) or Caller(user="")
        return await self._designs.fetch(
            location, marker=caller.external_marker, end_user=caller.end_user
        )

    async def _site(self, context: BootContext) -> Site:
        if not context.design:
            return await self._unpinned(context)
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
        except StoreRefused as error:
            raise RenderError(
                f"the pinned design, blob {digest}, is damaged; destroy and deploy the node again"
            ) from error
        design = await self._designs.compile(content, ref)
        return design.site

    async def _unpinned(self, context: BootContext) -> Site:
        """Return what the reference names now: nothing was pinned when another program deployed."""
        if not context.design_ref:
            raise RenderError(f"{context.node}: nobody knows the design it was deployed with")
        caller = self._deployments.on_behalf_of(context) or Caller(user="")
        design = await self._designs.load(
            context.design_ref, marker=caller.external_marker, end_user=caller.end_user
        )
        if not design.ok:
            ref = redacted(context.design_ref)
            raise RenderError(f"{context.node}: the design {ref} is not valid any more")
        return design.site

    async def complain(self, context: BootContext, kind: str, error: DrydockError) -> None:
        """Put the failure on the node's task: the same one only once, nodes try again often."""
        try:
            await self._deployments.note_render_failure(
                context, f"{kind}s", str(error), is_final=not isinstance(error, Unavailable)
            )
        except Unavailable as problem:
            log.warning("boot data failure of %s is not recorded: %s", context.node, problem)
