"""Network boot and power cycle: off, verified, on, verified; never off twice for one step."""

from __future__ import annotations

from functools import partial

from drydockd.drivers.base import OobDriver, PowerState
from drydockd.model import Action
from drydockd.tasks.steps.intents import Intents, Operation
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed


def network_boot_plan(driver: OobDriver, settings: TaskSettings) -> StepPlan:
    return StepPlan(
        Action.SET_NODE_BOOT,
        partial(set_network_boot, driver=driver),
        driver="oob",
        limit=settings.oob_limit(driver.worst_case_seconds),
        waiting_for="the BMC to take the boot device",
        is_brief=True,
    )


def power_cycle_plan(driver: OobDriver, settings: TaskSettings) -> StepPlan:
    return StepPlan(
        Action.POWER_CYCLE_NODE,
        partial(power_cycle, driver=driver),
        driver="oob",
        limit=settings.oob_limit(driver.worst_case_seconds),
        waiting_for="the power to go off and on",
        is_brief=True,
    )


async def set_network_boot(run: NodeRun, driver: OobDriver) -> None:
    await driver.set_network_boot(run.node, run)


async def power_cycle(run: NodeRun, driver: OobDriver) -> None:
    """Cycle the power once, whatever was interrupted when.

    Once the machine is off the step goes on to the end: a stop request must not leave a
    machine without power.
    """
    intents = run.intents()
    if not intents.is_done(Operation.POWER_OFF):
        await _off(run, driver, intents)
    if not intents.was_announced(Operation.POWER_ON):
        await intents.announce(Operation.POWER_ON)
    # Sending "on" to a machine that is on does nothing, so it may be repeated.
    await driver.power_on(run.node, run)
    if intents.is_open(Operation.POWER_ON):
        await intents.settle(Operation.POWER_ON, "on")


async def _off(run: NodeRun, driver: OobDriver, intents: Intents) -> None:
    if not intents.was_announced(Operation.POWER_OFF):
        await intents.announce(Operation.POWER_OFF)
        await driver.power_off(run.node, run)
        await intents.settle(Operation.POWER_OFF, "off")
        return
    state = await driver.power_state(run.node)
    if state is PowerState.OFF:
        await run.say(f"{run.name}: found off, as the interrupted step had left it")
        await intents.settle(Operation.POWER_OFF, "found off")
    elif state is PowerState.ON:
        await run.say(f"{run.name}: found on, so the interrupted power-off never happened")
        await driver.power_off(run.node, run)
        await intents.settle(Operation.POWER_OFF, "off")
    else:
        raise StepFailed(
            f"{run.name}: the step was interrupted while turning the power off, and the BMC "
            "does not say whether it is off; check the machine and start the task again"
        )
