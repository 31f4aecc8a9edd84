"""What an action does with steps: the one door to this floor for actions."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from drydockd.model import Action, Result, Timestamp
from drydockd.tasks.steps.branch import Work, branches
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.lookup import look_up
from drydockd.tasks.steps.noderun import NodeRun
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.steps.pipeline import pipeline
from drydockd.tasks.steps.sitestep import Call, site_step
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words import results

T = TypeVar("T")


class StepRunner:
    """Runs steps of jobs. One per daemon."""

    def __init__(self, parts: StepParts) -> None:
        self._parts = parts

    async def pipeline(
        self,
        job: Job,
        plans: Sequence[StepPlan],
        names: Iterable[str],
        *,
        parent_id: str | None = None,
        not_after: Timestamp | None = None,
    ) -> list[str]:
        """See pipeline.pipeline."""
        return await pipeline(
            self._parts, job, plans, names, parent_id=parent_id, not_after=not_after
        )

    async def branches(self, job: Job, names: Sequence[str], work: Work, limit: float) -> list[str]:
        """See branch.branches."""
        return await branches(self._parts, job, names, work, limit)

    async def site_steps(self, job: Job, calls: Mapping[Action, Call]) -> Result:
        """Make the calls one after another, each a step, also if one before it failed.

        Returns their common result.
        """
        for action, call in calls.items():
            await site_step(self._parts, job, action, call)
        store = self._parts.recorder.store
        return results.align(store.task(job.task_id), Result(), store.subtasks(job.task_id))

    async def look_up(
        self,
        job: Job,
        name: str,
        task_id: str,
        question: Callable[[NodeRun], Coroutine[Any, Any, T]],
        *,
        what: str,
        driver: str,
    ) -> T:
        """See lookup.look_up."""
        return await look_up(self._parts, job, name, task_id, question, what=what, driver=driver)

    def begun(self, job: Job, parent_id: str) -> set[Action]:
        """The steps under `parent_id` that were begun before the daemon was started."""
        if not job.was_resumed:
            return set()
        return {sub.action for sub in self._parts.recorder.store.subtasks(parent_id)}
