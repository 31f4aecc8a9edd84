"""One machine: what it does, what its design says and from where, what was learnt about it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from drydockd import errors
from drydockd.auth.audit import Event
from drydockd.design import shown
from drydockd.design.designs import Design
from drydockd.design.written import leaves
from drydockd.model import BuildData, Task
from drydockd.site import Node
from drydockd.web.facts import Facts, facts_of
from drydockd.web.machines import ACTIONS, Line, line_of
from drydockd.web.page import PageHandler

MOST_TASKS = 50
MOST_DATA = 40
POWER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Value:
    """One effective value of the design, and the document that it came from."""

    path: str
    value: object
    source: str


@dataclass(frozen=True, slots=True)
class Designed:
    """What the design says of a node; `computed` follows from it and the rest of the site."""

    ref: str
    site: str
    node: Node
    sections: Mapping[str, list[Value]]
    computed: Mapping[str, object]


class OfNode(PageHandler):
    """What the pages about one node share."""

    async def line(self, host: str) -> Line:
        """Return the node's row, with the rack of its design. Raises NotFound."""
        sites = await self.dashboard.in_use.sites()
        racks = {name: rack for site in reversed(sites) for name, rack in site.racks.items()}
        view = await self.services.tasks.node_view(host)
        return line_of(view, racks)


class NodeHandler(OfNode):
    policy: ClassVar = {"GET": "read_data"}
    about: ClassVar = {"GET": "one machine"}

    async def get(self, host: str) -> None:
        found = await self.dashboard.in_use.of_node(host)
        designed = None
        if found is not None:
            designed = await asyncio.to_thread(designed_of, *found, host)
        try:
            line = await self.line(host)
        except errors.NotFound:
            if found is None:
                raise
            line = None
        await self.render_long(
            "node.html",
            title=host,
            host=host,
            line=line,
            designed=designed,
            tasks=list(islice(tasks_of(self.services.store.newest_on(host)), MOST_TASKS)),
            actions=[a for a in ACTIONS if self.may("create_task", a)],
            data=await self._data(host) if self.may("read_build_data") else None,
        )

    async def _data(self, host: str) -> list[tuple[BuildData, Facts]]:
        """The newest of each generator, as tables; parsed in a thread, as some are long."""
        walk = self.services.store.walk_build_data(node=host, latest=True)
        records = await asyncio.to_thread(lambda: list(islice(walk, MOST_DATA)))
        facts = await asyncio.to_thread(lambda: [facts_of(record) for record in records])
        told = zip(records, facts, strict=True)
        return sorted(told, key=lambda one: (bool(one[1].text), one[0].generator))


class PowerHandler(OfNode):
    """The power of one machine, now: its BMC is asked, and nobody else's."""

    policy: ClassVar = {"POST": "read_data"}
    about: ClassVar = {"POST": "asks the BMC whether the machine is on"}

    async def post(self, host: str) -> None:
        self.require("verify_nodes")
        found = await self.dashboard.in_use.of_node(host)
        if found is None:
            raise errors.NotFound(f"No design in use has a node {host}, so its BMC is not known")
        node = found[1].site.nodes[host]
        problem = state = ""
        try:
            state = str(await self.services.tasks.power_of(node, POWER_SECONDS))
        except errors.DriverError as error:
            problem = str(error)
        self.record(Event.SENSITIVE_UPDATE, self.caller.user, host, description="asked its BMC")
        is_part = bool(self.request.headers.get("HX-Request"))
        self.render_page(
            "power.html" if is_part else "powerpage.html",
            title=f"Power of {host}", host=host, state=state, problem=problem,
        )  # fmt: skip


def designed_of(ref: str, design: Design, host: str) -> Designed:
    """Return what a design says of one of its nodes, without secrets; for a thread."""
    site, node = design.site, design.site.nodes[host]
    sources = shown.sources(design, node)
    sections: dict[str, list[Value]] = {}
    for path, value in leaves(shown.effective(node)):
        source = sources.get(path, "default")
        section = path[0] if len(path) > 1 else "profile"
        rest = path[1:] if len(path) > 1 else path
        sections.setdefault(section, []).append(Value(".".join(rest), value, source))
    name = site.region.name if site.region else ref
    return Designed(ref, name, node, sections, shown.computed(site, node))


def tasks_of(tasks: Iterable[Task]) -> Iterator[Task]:
    """Yield those of a node's tasks that somebody created."""
    return (task for task in tasks if task.parent_task_id is None)
