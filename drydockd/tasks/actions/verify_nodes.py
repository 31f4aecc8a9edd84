"""verify_nodes: asks every node's BMC what there is to know; any answer of its own BMC will do.

Of nodes that are deployed it also tells how they differ from their design and from the machine
they were deployed on, which changes no result. accept_nodes asks the BMCs the same, and what they
tell is the nodes' identity from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from drydockd.drivers.base import OobDriver
from drydockd.model import Action, Result
from drydockd.tasks.actions.drift import DriftCheck
from drydockd.tasks.actions.oobtypes import plans_by_type
from drydockd.tasks.steps.identity import IdentityCheck
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.settings import TaskSettings

STEPS = (Action.INTERROGATE_OOB,)
# So many nodes are compared in one turn of the loop, 2 ms or less.
SLICE = 100


async def run(
    job: Job,
    *,
    steps: StepRunner,
    drivers: Drivers,
    check: IdentityCheck,
    settings: TaskSettings,
    accepts: bool = False,
) -> Result:
    """Return which nodes answered; one subtask per OOB type, all types at once."""
    if not job.scope:
        return job.nothing_to_do()
    drift = None if accepts else DriftCheck(drivers.node, settings)
    if drift is not None:
        await drift.announce(job)
    body = partial(interrogate, check=check, accepts=accepts, drift=drift)
    groups = await plans_by_type(
        job, drivers, lambda driver: _plan(driver, partial(body, driver=driver), settings)
    )
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(steps.pipeline(job, [plan], names), name=f"{job.task_id} {kind}")
            for kind, (plan, names) in groups.items()
        ]
    passed = [name for run in runs for name in run.result()]
    return job.outcome(await _without_twins(job, check, passed))


async def interrogate(
    run: NodeRun,
    driver: OobDriver,
    check: IdentityCheck,
    accepts: bool = False,
    drift: DriftCheck | None = None,
) -> None:
    # First, so that it is told too where the BMC does not answer.
    if drift is not None:
        await drift.look(run)
    facts = await check.interrogate(run, driver, accepts=accepts)
    run.conclude(f"{run.name}: the BMC answers, power is {facts.power}")
    if accepts:
        run.conclude(f"{run.name}: what its BMC tells is its identity from now on")


async def _without_twins(job: Job, check: IdentityCheck, passed: Iterable[str]) -> list[str]:
    """Leave out nodes that answered well, until another one was told to be the same machine."""
    alone = []
    await check.identities.read()
    for number, name in enumerate(passed, 1):
        twins = check.twins(job, name)
        if twins:
            text = f"{name}: two nodes cannot be one machine: {'; '.join(twins)}"
            await job.say(text, node=name, error=True)
        else:
            alone.append(name)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return alone


def _plan(
    driver: OobDriver, body: Callable[[NodeRun], Awaitable[None]], settings: TaskSettings
) -> StepPlan:
    return StepPlan(
        Action.INTERROGATE_OOB,
        body,
        driver="oob",
        limit=settings.question_limit(driver.ask_seconds),
        waiting_for="an answer of the BMC",
        is_brief=True,
    )
