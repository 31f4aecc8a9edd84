"""verify_nodes: asks every node's BMC for the power state; any answer will do."""

from __future__ import annotations

import asyncio

from drydockd.errors import DriverUnsupported
from drydockd.model import Action, Result
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.noderun import NodeRun
from drydockd.tasks.steps.pipeline import pipeline
from drydockd.tasks.steps.step import StepPlan

STEPS = (Action.INTERROGATE_OOB,)


async def run(job: Job) -> Result:
    """Return which nodes answered; one subtask per OOB type, all types at once."""
    if not job.scope:
        return await job.nothing_to_do()
    groups = await _by_type(job)
    async with asyncio.TaskGroup() as group:
        ways = [
            group.create_task(pipeline(job, [plan], names), name=f"{job.task_id} {kind}")
            for kind, (plan, names) in groups.items()
        ]
    return job.outcome(name for way in ways for name in way.result())


async def interrogate(run: NodeRun) -> None:
    state = await run.job.oob_driver(run.node).power_state(run.node)
    await run.say(f"{run.name}: the BMC answers, power is {state}")


async def _by_type(job: Job) -> dict[str, tuple[StepPlan, list[str]]]:
    """Group the nodes that have a driver; say of the others that they have none."""
    groups: dict[str, tuple[StepPlan, list[str]]] = {}
    for name in job.scope:
        node = job.node(name)
        try:
            driver = job.oob_driver(node)
        except DriverUnsupported as error:
            await job.say(str(error), node=name, error=True)
            continue
        plan = StepPlan(
            Action.INTERROGATE_OOB,
            interrogate,
            driver="oob",
            limit=job.oob_limit(driver),
            waiting_for="an answer of the BMC",
            is_brief=True,
        )
        groups.setdefault(node.oob_type or "", (plan, []))[1].append(name)
    return groups
