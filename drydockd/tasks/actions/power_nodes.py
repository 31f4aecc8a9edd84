"""power_on_nodes, power_off_nodes, power_cycle_nodes: the power of nodes, and nothing else of them.

The same intents, claims and identity check as for the steps of prepare_nodes; the boot device
is left as it is. Source: contract, oob, section 3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from drydockd.drivers.base import OobDriver
from drydockd.model import Action, Result
from drydockd.tasks.actions import power_cycle_node
from drydockd.tasks.actions.oobtypes import plans_by_type
from drydockd.tasks.steps.identity import IdentityCheck
from drydockd.tasks.steps.intents import Operation
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.settings import TaskSettings

# Action of a caller -> the step of each node, and what it does.
STEPS: Mapping[Action, Action] = {
    Action.POWER_ON_NODES: Action.POWER_ON_NODE,
    Action.POWER_OFF_NODES: Action.POWER_OFF_NODE,
    Action.POWER_CYCLE_NODES: Action.POWER_CYCLE_NODE,
}
BODIES: Mapping[Action, Callable[[NodeRun, OobDriver], Awaitable[None]]] = {
    Action.POWER_ON_NODES: power_cycle_node.power_on,
    Action.POWER_OFF_NODES: power_cycle_node.power_off,
    Action.POWER_CYCLE_NODES: partial(power_cycle_node.power_cycle, from_network=False),
}
FIRST: Mapping[Action, Operation] = {
    Action.POWER_ON_NODES: Operation.POWER_ON,
    Action.POWER_OFF_NODES: Operation.POWER_OFF,
    Action.POWER_CYCLE_NODES: Operation.POWER_OFF,
}


async def run(
    job: Job,
    *,
    steps: StepRunner,
    drivers: Drivers,
    check: IdentityCheck,
    settings: TaskSettings,
) -> Result:
    """Return whose power is as asked; one subtask per OOB type, all types at once."""
    if not job.scope:
        return job.nothing_to_do()
    action = job.action

    groups = await plans_by_type(
        job,
        drivers,
        lambda driver: power_cycle_node.power_plan(
            STEPS[action],
            partial(switch, driver=driver, check=check, action=action),
            driver,
            settings,
        ),
    )
    async with asyncio.TaskGroup() as group:
        runs = [
            group.create_task(steps.pipeline(job, [plan], names), name=f"{job.task_id} {kind}")
            for kind, (plan, names) in groups.items()
        ]
    return job.outcome(name for run in runs for name in run.result())


async def switch(run: NodeRun, driver: OobDriver, check: IdentityCheck, action: Action) -> None:
    """Switch one node as `action` says; who it is was made sure before the first command."""
    if not run.intents().was_announced(FIRST[action]):
        await check.before_power(run, driver)
    await BODIES[action](run, driver)
