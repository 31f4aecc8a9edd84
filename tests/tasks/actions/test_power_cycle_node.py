"""What a power cycle does when it finds traces of an interrupted one."""

import pytest

from drydockd.drivers.base import PowerState
from drydockd.drivers.oob.fake import FakeOob
from drydockd.errors import DriverTransient
from drydockd.tasks.actions.power_cycle_node import power_cycle, set_network_boot
from drydockd.tasks.steps.intents import Operation
from drydockd.tasks.words.stops import StepFailed
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_job import a_run


class Recorded(FakeOob):
    """Writes down what it is told; its power state is what the test says."""

    def __init__(self, state=PowerState.ON, **options):
        super().__init__(**options)
        self.calls = []
        self.state = state

    async def power_state(self, node):
        self.calls.append("read")
        if self.state is None:
            raise DriverTransient("no answer")
        return self.state

    async def power_off(self, node, voice):
        self.calls.append("off")

    async def power_on(self, node, voice):
        self.calls.append("on")


async def a_cycle(state=PowerState.ON, *, announced=(), settled=()):
    lab = Lab()
    driver = Recorded(state, room=lab.room)
    lab.drivers.oob[0] = driver
    run = await a_run(lab)
    intents = run.intents()
    for operation in announced:
        await intents.announce(operation)
    for operation in settled:
        await intents.settle(operation, "done")
    return lab, driver, run


async def test_the_power_goes_off_and_on_each_announced_and_settled():
    lab, driver, run = await a_cycle()
    await power_cycle(run, driver)

    assert driver.calls == ["off", "on"]
    intents = {i.operation: i for i in lab.store.intents(run.task_id)}
    assert list(intents) == ["power_off", "power_on"]
    assert all(i.closed for i in intents.values())


@pytest.mark.parametrize(
    ("state", "calls"),
    [
        (PowerState.OFF, ["read", "on"]),
        (PowerState.ON, ["read", "off", "on"]),
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


async def test_no_answer_about_the_power_fails_the_node_and_nothing_is_repeated():
    _, driver, run = await a_cycle(None, announced=[Operation.POWER_OFF])
    with pytest.raises(DriverTransient):
        await power_cycle(run, driver)
    assert driver.calls == ["read"]


@pytest.mark.parametrize("announced_on", [False, True])
async def test_a_settled_power_off_is_never_sent_again(announced_on):
    announced = [Operation.POWER_OFF] + [Operation.POWER_ON] * announced_on
    _, driver, run = await a_cycle(announced=announced, settled=[Operation.POWER_OFF])
    await power_cycle(run, driver)

    assert driver.calls == ["on"]


async def test_the_boot_device_is_set_at_the_bmc():
    lab = Lab()
    run = await a_run(lab)
    await set_network_boot(run, lab.drivers.oob[0])
    (machine,) = await lab.room.machines()
    assert machine.next_boot == "network"
