"""Network boot and power: off, boot device, on; never off twice for one step.

Before the first of them the BMC is asked whether it is the node's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from drydockd.drivers.base import OobDriver, PowerState, Voice
from drydockd.errors import DriverError, DriverTransient
from drydockd.model import Action
from drydockd.tasks.steps.devicefence import raise_fence
from drydockd.tasks.steps.identity import IdentityCheck
from drydockd.tasks.steps.intents import Intents, Operation
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed, Terminated

BOOT_TRIES = 3
WAITING_FOR = {
    Action.POWER_CYCLE_NODE: "the power to go off and on",
    Action.POWER_OFF_NODE: "the power to go off",
    Action.POWER_ON_NODE: "the power to go on",
}


class Unheard:
    """The voice for what is done once more: it was said, and is not the last thing seen."""

    async def say(self, text: str, *, error: bool = False) -> None:
        """Say nothing."""

    async def fence(self, session: str) -> None:
        """Setting a boot device needs no fence."""


def network_boot_plan(driver: OobDriver, check: IdentityCheck, settings: TaskSettings) -> StepPlan:
    return StepPlan(
        Action.SET_NODE_BOOT,
        partial(set_network_boot, driver=driver, check=check),
        driver="oob",
        limit=settings.oob_limit(driver.worst_case_seconds),
        waiting_for="the BMC to take the boot device",
        is_brief=True,
    )


def power_cycle_plan(driver: OobDriver, check: IdentityCheck, settings: TaskSettings) -> StepPlan:
    """The plan of the cycle that follows `network_boot_plan`."""
    return power_plan(
        Action.POWER_CYCLE_NODE, partial(netboot, driver=driver, check=check), driver, settings
    )


def power_plan(
    action: Action,
    body: Callable[[NodeRun], Awaitable[None]],
    driver: OobDriver,
    settings: TaskSettings,
) -> StepPlan:
    return StepPlan(
        action,
        body,
        driver="oob",
        limit=settings.oob_limit(driver.worst_case_seconds),
        waiting_for=WAITING_FOR[action],
        is_brief=True,
    )


async def set_network_boot(run: NodeRun, driver: OobDriver, check: IdentityCheck) -> None:
    await check.before_power(run, driver)
    await run.patiently(lambda: driver.set_network_boot(run.node, run))


async def netboot(run: NodeRun, driver: OobDriver, check: IdentityCheck) -> None:
    """Cycle the power of a machine whose next start is to be a network boot."""
    if not run.intents().was_announced(Operation.POWER_OFF):
        await check.once_more(run, driver)
    await power_cycle(run, driver, from_network=True)


async def power_cycle(run: NodeRun, driver: OobDriver, *, from_network: bool) -> None:
    """Cycle the power once, whatever was interrupted and whichever answer was lost.

    Once the machine is off the step goes on to the end: a stop request must not leave a
    machine without power. Source: contract, oob-faults, A.
    """
    await power_off(run, driver)
    await power_on(run, driver, from_network=from_network)


async def power_off(run: NodeRun, driver: OobDriver) -> None:
    intents = run.intents()
    if not intents.is_done(Operation.POWER_OFF):
        await _off(run, driver, intents)


async def power_on(run: NodeRun, driver: OobDriver, *, from_network: bool = False) -> None:
    intents = run.intents()
    if not intents.is_done(Operation.POWER_ON):
        await _on(run, driver, intents, from_network=from_network)


async def _off(run: NodeRun, driver: OobDriver, intents: Intents) -> None:
    """Turn the power off; once it was sent, its state is read before it is sent again."""
    is_sent = intents.was_announced(Operation.POWER_OFF)
    if is_sent:
        await raise_fence(run, driver)
    else:
        await _announce(run, intents, Operation.POWER_OFF)

    async def attempt() -> str:
        nonlocal is_sent
        if is_sent and await _is_off(run, driver):
            return "found off"
        is_sent = True
        await driver.power_off(run.node, run)
        return "off"

    await intents.settle(Operation.POWER_OFF, await run.patiently(attempt, to_the_end=True))


async def _announce(run: NodeRun, intents: Intents, operation: Operation) -> None:
    """Announce it, and write what was learnt so far with it: the BMC is not asked that again."""
    learnt, run.at_end = run.at_end, []
    await intents.announce(operation, *learnt)


async def _is_off(run: NodeRun, driver: OobDriver) -> bool:
    state = await driver.power_state(run.node)
    if state is PowerState.OFF:
        await run.say(f"{run.name}: found off, as {_cause(run)} had left it")
        return True
    if state is PowerState.UNKNOWN:
        raise _unclear(run)
    if run.was_resumed:
        await run.say(f"{run.name}: found on, so the interrupted power-off never happened")
    if run.job.stopping.is_set():
        raise Terminated
    return False


async def _on(run: NodeRun, driver: OobDriver, intents: Intents, *, from_network: bool) -> None:
    """Turn the power on; `from_network`: each time with the boot device set anew before it.

    Some BMCs drop the boot device at power off, or after a minute.
    """

    voice: Voice = run
    await raise_fence(run, driver)

    async def attempt() -> str:
        nonlocal voice
        is_sent = intents.was_announced(Operation.POWER_ON)
        if is_sent and await driver.power_state(run.node) is PowerState.ON:
            await run.say(f"{run.name}: found on, as {_cause(run)} had left it")
            return "found on"
        if from_network:
            await _set_boot_again(run, driver, voice)
            voice = Unheard()
        if not intents.was_announced(Operation.POWER_ON):
            await _announce(run, intents, Operation.POWER_ON)
        await driver.power_on(run.node, run)
        return "on"

    await intents.settle(Operation.POWER_ON, await run.patiently(attempt, to_the_end=True))


async def _set_boot_again(run: NodeRun, driver: OobDriver, voice: Voice) -> None:
    """Never raises a driver's error: a machine without power helps nobody."""
    try:
        await run.patiently(
            lambda: driver.set_network_boot(run.node, voice), tries=BOOT_TRIES, to_the_end=True
        )
    except DriverError as error:
        text = f"powered on without setting its boot device again: {error}"
        await voice.say(f"{run.name}: {text}")


def _cause(run: NodeRun) -> str:
    return "the interrupted step" if run.was_resumed else "the call whose answer was lost"


def _unclear(run: NodeRun) -> Exception:
    """A machine that may be off: after a restart nothing is guessed, else it is asked again."""
    if run.was_resumed:
        return StepFailed(
            f"{run.name}: the step was interrupted while turning the power off, and the BMC "
            "does not say whether it is off; check the machine and start the task again"
        )
    return DriverTransient(f"{run.name}: the BMC does not say whether the power is off")
