"""The sites: which designs are in use, their racks, what is wrong with them, what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from drydockd import errors
from drydockd.design.designs import Design
from drydockd.model import Action
from drydockd.site import Level, Node
from drydockd.tasks import DryRun, TaskRequest
from drydockd.web.differences import differences
from drydockd.web.machines import Line, lines_of
from drydockd.web.page import PageHandler

SITE_ACTIONS = (
    Action.VALIDATE_DESIGN,
    Action.VERIFY_SITE,
    Action.PREPARE_SITE,
    Action.PREPARE_NODES,
    Action.DEPLOY_NODES,
    Action.DESTROY_NODES,
)
# What a rule that found nothing says is not shown.
WRONG = (Level.ERROR, Level.WARNING)
# So many designs that nodes were deployed from are read for one page.
MOST_DEPLOYED = 8


@dataclass(frozen=True, slots=True)
class RackView:
    name: str
    lines: list[Line]


class SitesHandler(PageHandler):
    policy: ClassVar = {"GET": "read_data"}
    about: ClassVar = {"GET": "the designs in use"}

    async def get(self) -> None:
        sites = await self.dashboard.in_use.sites()
        machines = await self.services.tasks.machines()
        lines = {line.name: line for line in lines_of(machines, sites)}
        await self.render_long(
            "sites.html",
            title="Sites",
            sites=[(site, [lines[name].look for name in site.racks]) for site in sites],
        )


class OfSite(PageHandler):
    """What the pages about one site share."""

    def ref(self) -> str:
        """Return the reference that was asked about. Raises InvalidInput."""
        ref = self.query("ref")
        if not ref:
            raise errors.InvalidInput("Say which design: ?ref=REFERENCE")
        return ref


class SiteHandler(OfSite):
    policy: ClassVar = {"GET": "read_data"}
    about: ClassVar = {"GET": "one site: its racks, and what differs from what was deployed"}
    parameters: ClassVar = {"GET": ("ref",)}

    async def get(self) -> None:
        ref = self.ref()
        design = await self.dashboard.in_use.of_ref(ref)
        sites = await self.dashboard.in_use.sites()
        site = next(one for one in sites if one.ref == ref)
        machines = await self.services.tasks.machines()
        lines = [line for line in lines_of(machines, [site]) if line.name in site.racks]
        deployed, is_partial = await self._deployed(ref)
        found = await asyncio.to_thread(differences, deployed, design.site) if deployed else None
        await self.render_long(
            "site.html",
            title=site.name or ref,
            site=site,
            racks=racks_of(design, lines),
            differences=found,
            is_partial=is_partial,
            looks=[line.look for line in lines],
            actions=[a for a in SITE_ACTIONS if self.may("create_task", a)],
        )

    async def _deployed(self, ref: str) -> tuple[Mapping[str, Node], bool]:
        """Return the site's nodes as they were deployed, and whether some are left out."""
        contexts = [
            context
            for context in self.services.store.boot_contexts()
            if context.design_ref == ref and context.design and context.closed is None
        ]
        found: dict[str, Node] = {}
        digests = list(dict.fromkeys(context.design for context in contexts))
        for digest in digests[:MOST_DEPLOYED]:
            try:
                content = await self.services.store.blob(digest)
            except errors.NotFound:
                continue
            design = await self.services.designs.compile(content, ref, owner="page")
            for context in contexts:
                if context.design == digest and context.node in design.site.nodes:
                    found[context.node] = design.site.nodes[context.node]
        return found, len(found) < len(contexts)


class FindingsHandler(OfSite):
    """What is wrong with the design as it is now; apart, as it has to be fetched."""

    policy: ClassVar = {"GET": "validate_site_design"}
    about: ClassVar = {"GET": "what validation says of a design now"}
    parameters: ClassVar = {"GET": ("ref",)}

    async def get(self) -> None:
        ref, problem, run = self.ref(), "", None
        # Only what is in use: a page is no way to have any address fetched.
        await self.dashboard.in_use.of_ref(ref)
        request = TaskRequest(Action.VALIDATE_DESIGN, ref, dry_run=True)
        try:
            made = await self.services.tasks.submit(request, self.caller)
            run = made if isinstance(made, DryRun) else None
        except errors.SourceUnavailable as error:
            problem = str(error)
        is_part = bool(self.request.headers.get("HX-Request"))
        self.render_page(
            "findings.html" if is_part else "findingspage.html",
            title="Findings", ref=ref, run=run, problem=problem,
            wrong=[f for f in run.findings if f.level in WRONG] if run else [],
        )  # fmt: skip


def racks_of(design: Design, lines: list[Line]) -> list[RackView]:
    """Return the racks in the order of the design; nodes of none are in one without a name."""
    of: dict[str, list[Line]] = {name: [] for name in design.site.racks}
    for line in lines:
        of.setdefault(line.rack, []).append(line)
    return [RackView(name, found) for name, found in of.items() if found or name]
