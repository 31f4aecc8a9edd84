"""Commissioning of one node, and what it teaches about the hardware."""

from __future__ import annotations

from functools import partial

from drydockd.drivers.base import Handle, NodeProvisioner, NodeState
from drydockd.errors import DriverConflict, DriverTransient
from drydockd.model import Action
from drydockd.tasks.actions import presence
from drydockd.tasks.steps.builddata import BuildDataCollector
from drydockd.tasks.steps.identity import OwnPower
from drydockd.tasks.steps.intents import Intents, Operation
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed

READY_OR_LATER = (
    NodeState.READY,
    NodeState.DEPLOYING,
    NodeState.DEPLOYED,
    NodeState.FAILED_DEPLOY,
)
TO_COMMISSION = (NodeState.NEW, NodeState.COMMISSIONING, NodeState.FAILED_COMMISSION)
PHASES = ("commission", "testing")


def plan(
    driver: NodeProvisioner,
    builddata: BuildDataCollector,
    power: OwnPower,
    settings: TaskSettings,
) -> StepPlan:
    return StepPlan(
        Action.CONFIGURE_HARDWARE,
        partial(commission, driver=driver, builddata=builddata, power=power),
        driver="node",
        limit=settings.configure_hardware,
        waiting_for="the end of commissioning",
        retries=settings.commission_retries,
    )


async def commission(
    run: NodeRun, driver: NodeProvisioner, builddata: BuildDataCollector, power: OwnPower
) -> None:
    """Return when the node is ready; its inventory and logs are stored.

    A lost answer of the provisioner is treated like a restart: its state decides.
    """
    intents = run.intents()
    while True:
        handle = await presence.find(run, driver)
        if handle.state in READY_OR_LATER and not intents.was_announced(Operation.COMMISSION):
            run.conclude(f"{run.name}: is {handle.state}, commissioning skipped")
            return
        try:
            handle = await _commissioned(run, driver, handle, intents, power)
            break
        except DriverTransient as error:
            run.saw(error)
            await run.say(f"{run.name}: {error}")
            handle = await presence.find(run, driver)
            if handle.state not in (NodeState.FAILED_COMMISSION, *READY_OR_LATER):
                await run.pause()
    if intents.is_open(Operation.COMMISSION):
        await intents.settle(Operation.COMMISSION, "ready")
    await builddata.keep(run, handle, PHASES, with_inventory=True)


async def _commissioned(
    run: NodeRun, driver: NodeProvisioner, handle: Handle, intents: Intents, power: OwnPower
) -> Handle:
    was_announced = intents.was_announced(Operation.COMMISSION)
    if handle.state in READY_OR_LATER:
        return handle
    if handle.state not in TO_COMMISSION:
        raise StepFailed(f"{run.name}: cannot be commissioned, it is {handle.state}")
    if was_announced and handle.state is NodeState.FAILED_COMMISSION:
        raise DriverConflict(f"{run.name}: commissioning failed; last seen: {run.last_seen}")
    if not was_announced:
        await power.checked(run)
        await intents.announce(Operation.COMMISSION)
    else:
        await power.fenced(run)
    return await driver.commission(handle, run)
