"""The packages of a node: its boot actions' lists, rendered before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from drydockd import render
from drydockd.render import ActionGrant, Templates
from drydockd.site import Node
from drydockd.tasks.steps.job import Job

if TYPE_CHECKING:
    from drydockd.design import Designs


@dataclass(frozen=True)
class PackageLists:
    """Lists come from the design or from behind an address of theirs, on the caller's behalf."""

    designs: Designs
    templates: Templates | None
    report_url: str

    async def of(
        self, job: Job, node: Node, grants: Mapping[str, ActionGrant]
    ) -> Mapping[str, str | None]:
        """Return package name -> version or None. Raises RenderError, SourceUnavailable."""
        caller = job.caller
        return await render.package_list(
            job.site,
            node,
            grants,
            report_url=self.report_url,
            design_ref=job.design.ref,
            fetch=partial(
                self.designs.fetch, marker=caller.external_marker, end_user=caller.end_user
            ),
            templates=self.templates,
        )
