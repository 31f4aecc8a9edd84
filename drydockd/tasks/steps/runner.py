"""What an action does with steps: the one door to this floor for actions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TypeVar

from drydockd.model import Action, Result, Timestamp
from drydockd.tasks.steps.branch import Work, branches
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.steps.lookup import look_up
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.steps.sitestep import Call, site_step
from drydockd.tasks.steps.step import Step, StepPlan
from drydockd.tasks.words import results

T = TypeVar("T")

# So many nodes are sent on their way at a time, 2 ms or less.
SLICE = 100


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
        """Take `names` through the steps; return those that passed all, in their order.

        Each node goes at its own pace, none delayed by another; one that fails a step takes
        no further one. Steps are registered under `parent_id`, by default the top-level task;
        no step ends after `not_after`.
        """
        names = list(names)
        parent_id = parent_id or job.task_id
        steps = []
        for plan in plans:
            step = Step(self._parts, job, parent_id, plan, names, not_after)
            if job.was_resumed:
                await step.remember()
            steps.append(step)
            await asyncio.sleep(0)
        passed: set[str] = set()

        async def go(name: str, has_slot: bool) -> None:
            if await _take_through(steps, name, has_slot):
                passed.add(name)
            job.let_go(name)

        async with asyncio.TaskGroup() as group:
            for number, name in enumerate(names, 1):
                # A coroutine for each of thousands that wait would be ten objects for each.
                has_slot = await steps[0].turn(name)
                # Not kept: thousands that are through would take 10 ms to let go of at once.
                group.create_task(go(name, has_slot), name=f"{job.task_id} {name}")
                if number % SLICE == 0:
                    await asyncio.sleep(0)
        return [name for name in names if name in passed]

    async def branches(self, job: Job, names: Sequence[str], work: Work, limit: float) -> list[str]:
        """See branch.branches."""
        return await branches(self._parts, job, names, work, limit)

    async def site_steps(
        self, job: Job, calls: Mapping[Action, Call], *, are_checks: bool = False
    ) -> Result:
        """Make the calls one after another, each a step, also if one before it failed.

        Returns their common result. Checks answer at once, also that the backend is away.
        """
        for action, call in calls.items():
            await site_step(self._parts, job, action, call, is_check=are_checks)
        store = self._parts.recorder.store
        return results.align(store.task(job.task_id), Result(), store.subtasks(job.task_id))

    async def look_up(
        self,
        job: Job,
        name: str,
        task_id: str,
        question: Callable[[NodeRun], Coroutine[None, None, T]],
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


async def _take_through(steps: Sequence[Step], name: str, has_slot: bool) -> bool:
    """`has_slot`: of the first step."""
    for place, step in enumerate(steps):
        if not await step.run(name, has_slot=has_slot and not place):
            for later in steps[place + 1 :]:
                await later.leave(name)
            return False
    return True
