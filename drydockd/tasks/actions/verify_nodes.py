"""verify_nodes: asks every node's BMC for the power state; any answer will do."""

from __future__ import annotations

import asyncio
from functools import partial

from drydockd.drivers.base import OobDriver
from drydockd.errors import DriverUnsupported
from drydockd.model import Action, Result
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.settings import TaskSettings

STEPS = (Action.INTERROGATE_OOB,)


async def run(job: Job, *, steps: StepRunner, drivers: Drivers, settings: TaskSettings) -> Result:
    """Return which nodes answered; one subtask per OOB type, all types at once."""
    if not job.scope:
        return job.nothing_to_do()
    groups = await _by_type(job, drivers, settings)
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(steps.pipeline(job, [plan], names), name=f"{job.task_id} {kind}")
            for kind, (plan, names) in groups.items()
        ]
    return job.outcome(name for run in runs for name in run.result())


async def interrogate(run: NodeRun, driver: OobDriver) -> None:
    state = await run.patiently(lambda: driver.power_state(run.node))
    run.conclude(f"{run.name}: the BMC answers, power is {state}")


async def _by_type(
    job: Job, drivers: Drivers, settings: TaskSettings
) -> dict[str, tuple[StepPlan, list[str]]]:
    """Group the nodes that have a driver; say of the others that they have none."""
    groups: dict[str, tuple[StepPlan, list[str]]] = {}
    for name in job.scope:
        node = job.node(name)
        try:
            driver = drivers.needed_oob(node)
        except DriverUnsupported as error:
            await job.say(str(error), node=name, error=True)
            continue
        plan = StepPlan(
            Action.INTERROGATE_OOB,
            partial(interrogate, driver=driver),
            driver="oob",
            limit=settings.oob_limit(driver.worst_case_seconds),
            waiting_for="an answer of the BMC",
            is_brief=True,
        )
        groups.setdefault(node.oob_type or "", (plan, []))[1].append(name)
    return groups
