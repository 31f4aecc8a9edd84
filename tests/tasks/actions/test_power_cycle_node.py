"""What a power cycle does when it finds traces of an interrupted one."""

import pytest

from drydockd.drivers.base import PowerState
from drydockd.drivers.oob.fake import FakeOob
from drydockd.errors import DriverTransient
from drydockd.tasks.actions import power_cycle_node
from drydockd.tasks.actions.power_cycle_node import set_network_boot
from drydockd.tasks.steps.intents import Operation
from drydockd.tasks.words.stops import StepFailed, Terminated
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_job import a_run


async def power_cycle(run, driver):
    await power_cycle_node.power_cycle(run, driver, from_network=True)


class Recorded(FakeOob):
    """Writes down what it is told; its power state is what the test says (None: no answer)."""

    def __init__(self, *states, **options):
        super().__init__(**options)
        self.calls = []
        self.states = list(states)

    async def set_network_boot(self, node, voice):
        self.calls.append("boot")

    async def power_state(self, node):
        self.calls.append("read")
        state = self.states.pop(0)
        if state is None:
            raise DriverTransient("no answer")
        return state

    async def power_off(self, node, voice):
        self.calls.append("off")

    async def power_on(self, node, voice):
        self.calls.append("on")


class LostOff(Recorded):
    """The answer to the first power-off never comes."""

    async def power_off(self, node, voice):
        await super().power_off(node, voice)
        if self.calls.count("off") == 1:
            raise DriverTransient("no answer")


async def a_cycle(*states, announced=(), settled=(), driver_class=Recorded):
    """A cycle; with anything announced it is one that was interrupted."""
    lab = Lab()
    driver = driver_class(*states, room=lab.room)
    lab.drivers.oob[0] = driver
    run = await a_run(lab, was_resumed=bool(announced))
    intents = run.intents()
    for operation in announced:
        await intents.announce(operation)
    for operation in settled:
        await intents.settle(operation, "done")
    return lab, driver, run


async def test_the_power_goes_off_and_on_each_announced_and_settled():
    lab, driver, run = await a_cycle()
    await power_cycle(run, driver)

    assert driver.calls == ["off", "boot", "on"]
    intents = {i.operation: i for i in lab.store.intents(run.task_id)}
    assert list(intents) == ["power_off", "power_on"]
    assert all(i.closed for i in intents.values())


@pytest.mark.parametrize(
    ("state", "calls"),
    [
        (PowerState.OFF, ["read", "boot", "on"]),
        (PowerState.ON, ["read", "off", "boot", "on"]),
    ],
)
async def test_an_open_power_off_is_decided_by_the_power_state(state, calls):
    lab, driver, run = await a_cycle(state, announced=[Operation.POWER_OFF])
    await power_cycle(run, driver)

    assert driver.calls == calls
    assert all(i.closed for i in lab.store.intents(run.task_id))


async def test_an_unknown_power_state_fails_the_node_and_nothing_is_repeated():
    _, driver, run = await a_cycle(PowerState.UNKNOWN, announced=[Operation.POWER_OFF])
    with pytest.raises(StepFailed, match="does not say whether it is off; check the machine"):
        await power_cycle(run, driver)
    assert driver.calls == ["read"]


async def test_without_an_answer_about_the_power_it_is_asked_for_again_and_nothing_repeated():
    _, driver, run = await a_cycle(None, None, PowerState.OFF, announced=[Operation.POWER_OFF])
    await power_cycle(run, driver)
    assert driver.calls == ["read", "read", "read", "boot", "on"]


async def test_a_power_unknown_behind_a_lost_answer_is_asked_for_again():
    states = (PowerState.UNKNOWN, PowerState.ON)
    lab, driver, run = await a_cycle(*states, driver_class=LostOff)
    await power_cycle(run, driver)

    assert driver.calls == ["off", "read", "read", "off", "boot", "on"]
    assert lab.texts(run.task_id)[-1] == (
        "n1: the BMC does not say whether the power is off; trying again"
    )


async def test_a_stopping_task_does_not_cut_the_power_of_a_machine_found_on():
    _, driver, run = await a_cycle(PowerState.ON, driver_class=LostOff)
    run.job.stop()
    with pytest.raises(Terminated):
        await power_cycle(run, driver)
    assert driver.calls == ["off", "read"]


async def test_a_settled_power_off_is_never_sent_again():
    done = [Operation.POWER_OFF]
    _, driver, run = await a_cycle(announced=done, settled=done)
    await power_cycle(run, driver)

    assert driver.calls == ["boot", "on"]


@pytest.mark.parametrize(
    ("state", "calls"),
    [
        (PowerState.ON, ["read"]),
        (PowerState.OFF, ["read", "boot", "on"]),
        (PowerState.UNKNOWN, ["read", "boot", "on"]),
    ],
)
async def test_an_open_power_on_is_sent_again_unless_the_machine_is_on(state, calls):
    lab, driver, run = await a_cycle(
        state, announced=[Operation.POWER_OFF, Operation.POWER_ON], settled=[Operation.POWER_OFF]
    )
    await power_cycle(run, driver)

    assert driver.calls == calls
    assert all(i.closed for i in lab.store.intents(run.task_id))


async def test_the_boot_device_is_set_at_the_bmc():
    lab = Lab()
    run = await a_run(lab)
    await set_network_boot(run, lab.drivers.oob[0], lab.check)
    (machine,) = await lab.room.machines()
    assert machine.next_boot == "network"
