"""Nodes on their way through steps: each at its own pace, none delayed by another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from drydockd.model import Timestamp
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.steps.step import Step, StepPlan


async def pipeline(
    parts: StepParts,
    job: Job,
    plans: Sequence[StepPlan],
    names: Iterable[str],
    *,
    parent_id: str | None = None,
    not_after: Timestamp | None = None,
) -> list[str]:
    """Take `names` through the steps; return those that passed all, in their order.

    A node that fails a step takes no further one. Steps are registered under `parent_id`,
    by default the top-level task; no step ends after `not_after`.
    """
    names = list(names)
    parent_id = parent_id or job.task_id
    steps = [Step(parts, job, parent_id, plan, names, not_after) for plan in plans]
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(_take_through(steps, name), name=f"{job.task_id} {name}")
            for name in names
        ]
    return [name for name, run in zip(names, runs, strict=True) if run.result()]


async def _take_through(steps: Sequence[Step], name: str) -> bool:
    for place, step in enumerate(steps):
        if not await step.run(name):
            for later in steps[place + 1 :]:
                await later.leave(name)
            return False
    return True
