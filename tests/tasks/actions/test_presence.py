import pytest

from drydockd.drivers.base import NodeState
from drydockd.errors import DriverTransient, NodeUnknown
from drydockd.tasks.actions import presence
from drydockd.tasks.words.stops import StepFailed
from tests.tasks.actions.test_identify_node import handle, told


async def test_only_a_certain_no_is_unknown():
    _, driver, run = await told(NodeUnknown("never seen"))
    assert await presence.is_known(run, driver) is False


async def test_an_unreachable_provisioner_is_no_answer():
    _, driver, run = await told(DriverTransient("503"), DriverTransient("503"), handle())
    assert await presence.is_known(run, driver) is True
    assert driver.adopted == 1


@pytest.mark.parametrize("state", [NodeState.DEPLOYED, NodeState.DEPLOYING, NodeState.RELEASING])
async def test_a_deployed_node_is_not_even_given_its_name(state):
    _, driver, run = await told(handle(state))
    assert await presence.is_known(run, driver) is True
    assert driver.adopted == 0


async def test_infrastructure_is_refused():
    _, driver, run = await told(handle(kind="infrastructure"))
    with pytest.raises(StepFailed, match="never touched"):
        await presence.is_known(run, driver)
