import pytest

from drydockd.drivers.base import Handle, NodeState
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from drydockd.tasks.actions import identify_node
from drydockd.tasks.words.stops import StepFailed
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_noderun import a_run


class Told(FakeNodeProvisioner):
    """Answers look-ups with what the test lists, then with the last of it."""

    def __init__(self, *answers, **options):
        super().__init__(**options)
        self.answers = list(answers)
        self.adopted = 0

    async def find(self, node):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def adopt(self, handle, node):
        self.adopted += 1
        return handle


async def told(*answers):
    lab = Lab()
    driver = Told(*answers, room=lab.room)
    return lab, driver, await a_run(lab)


def handle(state=NodeState.NEW, kind="machine"):
    return Handle("m1", "n1", state, kind=kind)


async def test_only_a_certain_no_is_unknown():
    _, driver, run = await told(NodeUnknown("never seen"))
    assert await identify_node.is_known(run, driver) is False


async def test_an_unreachable_provisioner_is_no_answer():
    _, driver, run = await told(DriverTransient("503"), DriverTransient("503"), handle())
    assert await identify_node.is_known(run, driver) is True
    assert driver.adopted == 1


@pytest.mark.parametrize("state", [NodeState.DEPLOYED, NodeState.DEPLOYING, NodeState.RELEASING])
async def test_a_deployed_node_is_not_even_given_its_name(state):
    _, driver, run = await told(handle(state))
    assert await identify_node.is_known(run, driver) is True
    assert driver.adopted == 0


async def test_infrastructure_is_refused():
    _, driver, run = await told(handle(kind="infrastructure"))
    with pytest.raises(StepFailed, match="never touched"):
        await identify_node.is_known(run, driver)


async def test_identification_waits_until_the_node_is_seen():
    lab, driver, run = await told(NodeUnknown("no"), DriverTransient("503"), handle())
    await identify_node.identify(run, driver)

    assert driver.adopted == 1
    assert lab.texts(run.task_id) == ["n1: identified as m1"]


async def test_another_machine_under_the_nodes_name_is_an_error():
    class Other(Told):
        async def adopt(self, handle, node):
            raise DriverConflict("the MAC is another one")

    lab = Lab()
    driver = Other(handle(), room=lab.room)
    with pytest.raises(DriverConflict):
        await identify_node.identify(await a_run(lab), driver)
