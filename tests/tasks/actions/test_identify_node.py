import pytest

from drydockd.drivers.base import Handle, NodeState
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from drydockd.tasks.actions import identify_node
from tests.tasks.helpers import Lab, concluded
from tests.tasks.steps.test_job import a_run


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


async def test_identification_waits_until_the_node_is_seen():
    _, driver, run = await told(NodeUnknown("no"), DriverTransient("503"), handle())
    await identify_node.identify(run, driver)

    assert driver.adopted == 1
    assert concluded(run) == ["n1: identified as m1"]


async def test_another_machine_under_the_nodes_name_is_an_error():
    class Other(Told):
        async def adopt(self, handle, node):
            raise DriverConflict("the MAC is another one")

    lab = Lab()
    driver = Other(handle(), room=lab.room)
    with pytest.raises(DriverConflict):
        await identify_node.identify(await a_run(lab), driver)
