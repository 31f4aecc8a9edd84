"""All that a node gets at its first boot, rendered for real before anything is done to it.

Rendered first: its assets and package lists with the ids and keys of the deployment to come, its
sources fetched and pinned. Source: architecture, decision 15.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from drydockd.design.rules import unrenderable_boot_action as rule
from drydockd.errors import RenderError, SourceUnavailable
from drydockd.model import BootContext
from drydockd.render import ActionGrant, BootData, Sources, Trial
from drydockd.site import Finding, Level, Node
from drydockd.store.base import Put
from drydockd.tasks.shared.pinned import Fetched, OfContext, OfNode, Pinned
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.words import messages
from drydockd.tasks.words.stops import StepFailed

if TYPE_CHECKING:
    from drydockd.design import Designs
    from drydockd.render import Fetch

SOURCE = "See that the source answers, then create the task again."
Packages = Mapping[str, str | None]


@dataclass(frozen=True)
class FirstRender:
    """Renders for the steps that deploy; one per daemon. Sources are asked on a caller's behalf."""

    designs: Designs
    boot_data: BootData
    pinned: Pinned
    report_url: str

    def on_trial(self, job: Job) -> Trial:
        """Give trials of the task's nodes: for steps before there is a deployment to render."""
        return Trial(job.site, self.boot_data.templates)

    @contextmanager
    def fetching(self, job: Job, begun: Iterable[BootContext] = ()) -> Iterator[Fetched]:
        """Give what the task fetches, together with what its deployments `begun` have pinned."""
        fetched = Fetched(self.pinned, self._fetch(job))
        fetched.remember(begun)
        try:
            yield fetched
        finally:
            fetched.close()

    async def of(
        self, run: NodeRun, grants: Mapping[str, ActionGrant], fetched: Fetched
    ) -> tuple[Packages, OfNode]:
        """Render all of the node; return its packages, and the sources with what they pinned.

        The archives are remembered for when the node fetches them. Raises StepFailed, after
        noting the finding; Busy and StoreUnavailable may pass.
        """
        sources = OfNode(fetched)
        try:
            for kind in ("unit", "file"):
                await self.boot_data.archive(
                    run.job.site,
                    run.node,
                    kind,
                    grants,
                    deployment=run.task_id,
                    report_url=self.report_url,
                    design_ref=run.job.design.ref,
                    sources=sources,
                )
            return await self._packages(run.job, run.node, grants, sources), sources
        except RenderError as error:
            run.at_end.append(Put(messages.of_finding(run.task_id, _finding(run, error))))
            raise StepFailed(untouched(str(error))) from error
        except SourceUnavailable as error:
            raise StepFailed(untouched(str(error), SOURCE)) from error

    async def again(
        self, job: Job, node: Node, context: BootContext, grants: Mapping[str, ActionGrant]
    ) -> Packages:
        """Return the packages of a deployment that was rendered before. Raises RenderError."""
        sources = OfContext(self.pinned, context, self._fetch(job))
        return await self._packages(job, node, grants, sources)

    async def _packages(
        self, job: Job, node: Node, grants: Mapping[str, ActionGrant], sources: Sources
    ) -> Packages:
        return await self.boot_data.packages(
            job.site,
            node,
            grants,
            report_url=self.report_url,
            design_ref=job.design.ref,
            sources=sources,
        )

    def _fetch(self, job: Job) -> Fetch:
        caller = job.caller
        return partial(self.designs.fetch, marker=caller.external_marker, end_user=caller.end_user)


def untouched(cause: str, remedy: str = rule.HINT) -> str:
    """Return why nothing was begun, and what to do."""
    return f"{_sentence(cause)} {messages.UNTOUCHED} {remedy}"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _finding(run: NodeRun, error: RenderError) -> Finding:
    action = run.job.site.bootactions.get(error.bootaction)
    documents = [part.ref for part in (run.node, action) if part is not None]
    text = f"{rule.NAME}: {_sentence(str(error))}"
    return Finding(rule.CODE, Level.ERROR, text, rule.HINT, tuple(documents))
