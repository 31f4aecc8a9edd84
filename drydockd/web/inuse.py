"""Which designs are in use: those that the newest tasks were created from, as they were then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from drydockd.design import Designs
from drydockd.design.designs import Design
from drydockd.errors import NotFound
from drydockd.model import Task
from drydockd.store.base import Store

# Newer tasks are looked at than these, and so many designs are shown.
LOOKED_AT = 1000
MOST = 16


@dataclass(frozen=True, slots=True)
class SiteInUse:
    """One reference; `task` is the newest one whose design was pinned, `racks` node -> rack."""

    ref: str
    task: Task
    name: str
    racks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Outline:
    """What is kept of a design, so that the design itself need not be."""

    name: str
    racks: Mapping[str, str]


class InUse:
    """The designs of the newest tasks. Event-loop thread only."""

    def __init__(self, store: Store, designs: Designs) -> None:
        self._store = store
        self._designs = designs
        self._outlines: OrderedDict[str, _Outline] = OrderedDict()

    async def sites(self) -> list[SiteInUse]:
        """Return one for each reference, the one used last first."""
        found = []
        for ref, task in self._newest().items():
            outline = await self._outline(task)
            if outline is not None:
                found.append(SiteInUse(ref, task, outline.name, outline.racks))
        return found

    async def of_ref(self, ref: str) -> Design:
        """Return the design that the newest task of a reference was created from.

        Raises NotFound where there is none.
        """
        task = self._newest().get(ref)
        if task is None:
            raise NotFound(f"No task was created from the design {ref}")
        return await self._design(task)

    async def of_node(self, host: str) -> tuple[str, Design] | None:
        """Return reference and design of the site that has a node; None if none has."""
        for site in await self.sites():
            if host in site.racks:
                return site.ref, await self._design(site.task)
        return None

    def _newest(self) -> dict[str, Task]:
        found: dict[str, Task] = {}
        walk = self._store.walk_tasks(limit=LOOKED_AT, top_level=True, newest_first=True)
        for task in (task for some in walk for task in some):
            if task.design and task.design_ref and task.design_ref not in found:
                found[task.design_ref] = task
                if len(found) == MOST:
                    break
        return found

    async def _outline(self, task: Task) -> _Outline | None:
        known = self._outlines.get(task.design)
        if known is None:
            try:
                site = (await self._design(task)).site
            except NotFound:
                return None
            name = site.region.name if site.region else ""
            racks = {node.name: node.rack or "" for node in site.nodes.values()}
            known = self._outlines[task.design] = _Outline(name, racks)
            if len(self._outlines) > MOST:
                self._outlines.popitem(last=False)
        return known

    async def _design(self, task: Task) -> Design:
        content = await self._store.blob(task.design)
        return await self._designs.compile(content, task.design_ref or "", owner="page")
