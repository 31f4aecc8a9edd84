"""Network boot and power cycle: off, boot device, on; never off twice for one step."""

from __future__ import annotations

from functools import partial

from drydockd.drivers.base import OobDriver, PowerState, Voice
from drydockd.errors import DriverError, DriverTransient
from drydockd.model import Action
from drydockd.tasks.steps.intents import Intents, Operation
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed, Terminated

BOOT_TRIES = 3


class Unheard:
    """The voice for what is done once more: it was said, and is not the last thing seen."""

    async def say(self, text: str, *, error: bool = False) -> None:
        """Say nothing."""

    async def fence(self, session: str) -> None:
        """Setting a boot device needs no fence."""


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
    await run.patiently(lambda: driver.set_network_boot(run.node, run))


async def power_cycle(run: NodeRun, driver: OobDriver) -> None:
    """Cycle the power once, whatever was interrupted and whichever answer was lost.

    Once the machine is off the step goes on to the end: a stop request must not leave a
    machine without power. Source: contract, oob-faults, A.
    """
    intents = run.intents()
    if not intents.is_done(Operation.POWER_OFF):
        await _off(run, driver, intents)
    if not intents.is_done(Operation.POWER_ON):
        await _on(run, driver, intents)


async def _off(run: NodeRun, driver: OobDriver, intents: Intents) -> None:
    """Turn the power off; once it was sent, its state is read before it is sent again."""
    is_sent = intents.was_announced(Operation.POWER_OFF)
    if not is_sent:
        await intents.announce(Operation.POWER_OFF)

    async def attempt() -> str:
        nonlocal is_sent
        if is_sent and await _is_off(run, driver):
            return "found off"
        is_sent = True
        await driver.power_off(run.node, run)
        return "off"

    await intents.settle(Operation.POWER_OFF, await run.patiently(attempt, to_the_end=True))


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


async def _on(run: NodeRun, driver: OobDriver, intents: Intents) -> None:
    """Turn the power on; each time with the boot device set anew before it.

    Some BMCs drop the boot device at power off, or after a minute.
    """

    voice: Voice = run

    async def attempt() -> str:
        nonlocal voice
        is_sent = intents.was_announced(Operation.POWER_ON)
        if is_sent and await driver.power_state(run.node) is PowerState.ON:
            await run.say(f"{run.name}: found on, as {_cause(run)} had left it")
            return "found on"
        await _set_boot_again(run, driver, voice)
        voice = Unheard()
        if not intents.was_announced(Operation.POWER_ON):
            await intents.announce(Operation.POWER_ON)
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
