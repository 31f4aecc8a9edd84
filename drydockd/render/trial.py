"""Render every boot action of a site on trial, its remote sources made up.

Before a machine is wiped for it: a template that cannot render is found when the design is judged.
Nodes that look alike to an asset (`dependence`) share one trial.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Mapping, Sequence

from drydockd.errors import RenderError
from drydockd.render.assets import Rendering
from drydockd.render.context import ActionGrant, node_context
from drydockd.render.dependence import Lookup, coarse, is_coarse, lookups
from drydockd.render.templates import Templates
from drydockd.site import Asset, BootActionSpec, Node, Site, Unrenderable

log = logging.getLogger(__name__)

# What stands in for a deployment that has not happened: nobody's id and key.
GRANT = ActionGrant("00000000000000000000000000", "0" * 64)
REPORT_URL = "http://localhost:9000/api/v1.0/bootactions/"
TURN_SECONDS = 0.004  # of the event loop, before others get theirs
LONGEST_SECONDS = 20.0  # of all trials of a site

Failures = tuple[tuple[str, str], ...]
"""Boot action and cause of what failed; the cause without the node's name."""


async def unrenderable(site: Site, templates: Templates) -> list[Unrenderable]:
    """Return what cannot be rendered for a node, in design order.

    Rendering takes turns with the rest of the loop. After `LONGEST_SECONDS` assets that must be
    tried for every single node are not tried any more, and the log says so.
    """
    return await Trial(site, templates, LONGEST_SECONDS).run()


class Trial:
    """Trials of one site; of all of them together or of nodes as they come.

    `longest_seconds` bounds all of it; None: nothing is left out.
    """

    def __init__(
        self, site: Site, templates: Templates | None, longest_seconds: float | None = None
    ) -> None:
        self._site = site
        self._templates = templates
        self._lookups: dict[tuple[str, ...], tuple[Lookup, ...]] = {}
        self._is_coarse: dict[tuple[str, ...], bool] = {}
        self._of_asset: dict[tuple[str, int], tuple[Lookup, ...]] = {}
        self._seen: dict[object, Failures] = {}
        self._tried: dict[object, str] = {}
        self._left_out = 0
        now = time.monotonic()
        self._turn_ends = now + TURN_SECONDS
        self._end = None if longest_seconds is None else now + longest_seconds

    async def run(self) -> list[Unrenderable]:
        found = []
        for node in self._site.nodes.values():
            found += await self.of(node)
            await self._take_turns()
        if self._left_out:
            log.warning(
                "boot actions: %d assets were not rendered on trial, %g s were not enough",
                self._left_out,
                LONGEST_SECONDS,
            )
        return found

    async def of(self, node: Node) -> list[Unrenderable]:
        """Return what cannot be rendered for `node`."""
        return [
            Unrenderable(node.name, action, f"{node.name}: {cause}")
            for action, cause in await self._failures(node)
        ]

    async def _take_turns(self) -> None:
        if time.monotonic() > self._turn_ends:
            await asyncio.sleep(0)
            self._turn_ends = time.monotonic() + TURN_SECONDS

    async def _failures(self, node: Node) -> Failures:
        specs = self._site.bootactions_of(node.name)
        if not specs:
            return ()
        names = tuple([spec.name for spec in specs])
        wanted = self._lookups.get(names)
        if wanted is None:
            wanted = self._lookups[names] = self._union(specs)
            self._is_coarse[names] = all(map(is_coarse, wanted))
        if not self._is_coarse[names]:
            return await self._closely(names, specs, node, wanted)
        known = (names, coarse(node))
        if known not in self._seen:
            self._seen[known] = await self._closely(names, specs, node, wanted)
        return self._seen[known]

    async def _closely(
        self,
        names: tuple[str, ...],
        specs: Sequence[BootActionSpec],
        node: Node,
        wanted: tuple[Lookup, ...],
    ) -> Failures:
        try:
            context = {"node": node_context(self._site, node)}
        except RenderError:
            return ()  # an address on an undefined network, which rule DD2002 reports
        key = (names, *(lookup.of(context) for lookup in wanted))
        if key not in self._seen:
            self._seen[key] = tuple(
                [f for spec in specs for f in await self._of(spec, node, context)]
            )
        return self._seen[key]

    def _union(self, specs: Sequence[BootActionSpec]) -> tuple[Lookup, ...]:
        found: dict[Lookup, None] = {}
        for spec in specs:
            for place, asset in enumerate(spec.assets):
                own = self._of_asset.setdefault((spec.name, place), lookups(asset))
                found |= dict.fromkeys(own)
        return tuple(found)

    async def _of(
        self, spec: BootActionSpec, node: Node, context: Mapping[str, object]
    ) -> list[tuple[str, str]]:
        found = []
        for place, asset in enumerate(spec.assets):
            wanted = self._of_asset[spec.name, place]
            key = (spec.name, place, *(lookup.of(context) for lookup in wanted))
            if key not in self._tried:
                self._tried[key] = await self._try(spec, asset, node)
                await self._take_turns()
            if self._tried[key]:
                found.append((spec.name, self._tried[key]))
        return found

    async def _try(self, spec: BootActionSpec, asset: Asset, node: Node) -> str:
        """Return why the asset cannot be rendered, empty if it can."""
        if self._end is not None and time.monotonic() > self._end:
            self._left_out += 1
            return ""
        rendering = Rendering(self._site, node, REPORT_URL, "design", None, self._templates)
        try:
            async with rendering:
                await rendering.on_trial(spec, asset, GRANT, made_up(asset))
        except RenderError as error:
            return str(error).removeprefix(f"{node.name}: ")
        return ""


def made_up(asset: Asset) -> bytes:
    """Return a content for a remote source that goes through every segment it may."""
    content, encoded = b"made up\n", 0
    for segment in asset.data_pipeline:
        if segment == "base64_encode":
            encoded += 1
        elif segment == "base64_decode":
            if encoded:
                encoded -= 1
            else:
                content = base64.b64encode(content)
    return content
