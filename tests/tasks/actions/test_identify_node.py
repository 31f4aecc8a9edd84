import pytest

from drydockd.drivers.base import Handle, NodeState
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.drivers.oob.fake import FakeOob
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


class Bmc(FakeOob):
    """Counts how often it is asked what it knows; `error` is what it answers instead."""

    asked, error = 0, None

    async def facts(self, node):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return await super().facts(node)


def due(lab, run, *shares):
    """Let the attempt look as if such shares of its limit were left, one after the other."""
    left = iter((*shares, *[0.0] * 100))
    run.remaining = lambda: 1000 * next(left)
    return identify_node.WhyNot(Bmc(room=lab.room), seconds=10, limit=1000)


async def test_c23_a_node_that_does_not_come_is_told_with_what_its_bmc_reads():
    lab, driver, run = await told(NodeUnknown("n1: unknown"), NodeUnknown("n1: unknown"), handle())
    why = due(lab, run, 0.9, 0.4)
    seen = []
    run.saw = lambda what: seen.append(str(what))
    await identify_node.identify(run, driver, why)
    assert seen[1] == "n1: unknown"
    assert seen[2].startswith("n1: unknown; its BMC reads power ")
    assert "next boot " in seen[2]
    assert why.oob.asked == 1


async def test_c23_the_bmc_is_asked_once_and_need_not_answer():
    lab, driver, run = await told(*[NodeUnknown("n1: unknown")] * 3, handle())
    why = due(lab, run, 0.4)
    why.oob.error = DriverTransient("n1: no answer")
    seen = []
    run.saw = lambda what: seen.append(str(what))
    await identify_node.identify(run, driver, why)
    assert set(seen[1:4]) == {"n1: unknown; its BMC does not say what it boots from: n1: no answer"}
    assert why.oob.asked == 1
