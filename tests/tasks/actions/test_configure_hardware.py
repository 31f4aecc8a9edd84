"""What commissioning does by the state it finds, fresh and after an interruption."""

import pytest

from drydockd.drivers.base import Handle, NodeState
from drydockd.errors import DriverConflict, DriverTransient
from drydockd.tasks.actions.configure_hardware import commission
from drydockd.tasks.steps.builddata import BuildDataCollector
from drydockd.tasks.steps.identity import OwnPower
from drydockd.tasks.steps.intents import Operation
from drydockd.tasks.words.stops import StepFailed
from tests.tasks.actions.test_identify_node import Told
from tests.tasks.helpers import Lab, concluded
from tests.tasks.steps.test_job import a_run


class Commissions(Told):
    calls = 0
    outcome = NodeState.READY

    async def commission(self, handle, voice):
        self.calls += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Handle("m1", "n1", self.outcome)

    async def inventory(self, handle):
        return []

    async def logs(self, handle, phase):
        return []


async def found(*states, announced=False):
    lab = Lab()
    driver = Commissions(*(Handle("m1", "n1", NodeState(s)) for s in states), room=lab.room)
    run = await a_run(lab)
    if announced:
        await run.intents().announce(Operation.COMMISSION)
    return lab, driver, run


def builddata(lab, driver):
    return BuildDataCollector(driver, lab.settings)


@pytest.mark.parametrize("state", ["ready", "deploying", "deployed", "failed_deploy"])
async def test_a_node_that_is_ready_or_later_is_skipped(state):
    lab, driver, run = await found(state)
    await commission(run, driver, builddata(lab, driver), OwnPower(driver, lab.drivers, None))

    assert driver.calls == 0
    assert concluded(run) == [f"n1: is {state}, commissioning skipped"]
    assert lab.store.intents(run.task_id) == []


@pytest.mark.parametrize("state", ["new", "commissioning", "failed_commission"])
async def test_others_are_commissioned_under_an_intent(state):
    lab, driver, run = await found(state)
    await commission(run, driver, builddata(lab, driver), OwnPower(driver, lab.drivers, None))

    assert driver.calls == 1
    (intent,) = lab.store.intents(run.task_id)
    assert (intent.operation, intent.outcome) == ("commission", "ready")


@pytest.mark.parametrize("state", ["releasing", "failed_release", "broken", "foreign"])
async def test_a_node_in_another_state_is_refused(state):
    lab, driver, run = await found(state)
    with pytest.raises(StepFailed, match=f"it is {state}"):
        await commission(run, driver, builddata(lab, driver), OwnPower(driver, lab.drivers, None))
    assert driver.calls == 0


@pytest.mark.parametrize(
    ("state", "calls"), [("ready", 0), ("deployed", 0), ("commissioning", 1), ("new", 1)]
)
async def test_an_interrupted_one_is_taken_up_by_its_state(state, calls):
    lab, driver, run = await found(state, announced=True)
    await commission(run, driver, builddata(lab, driver), OwnPower(driver, lab.drivers, None))

    assert driver.calls == calls
    assert lab.store.intents(run.task_id)[0].closed


async def test_an_interrupted_one_that_failed_is_a_failed_attempt():
    lab, driver, run = await found("failed_commission", announced=True)
    with pytest.raises(DriverConflict, match="commissioning failed"):
        await commission(run, driver, builddata(lab, driver), OwnPower(driver, lab.drivers, None))
    assert driver.calls == 0


async def test_a_lost_answer_is_decided_by_the_state_too():
    lab, driver, run = await found("new", "ready")
    driver.outcome = DriverTransient("connection lost")
    await commission(run, driver, builddata(lab, driver), OwnPower(driver, lab.drivers, None))
    assert driver.calls == 1
