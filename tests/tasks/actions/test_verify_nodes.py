import pytest

from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.oob.fake import FakeOob
from tests.tasks.helpers import Lab, fault, site_text


async def test_every_node_whose_bmc_answers_is_a_success():
    async with Lab() as lab:
        task = await lab.run("verify_nodes")

        assert (task.result.status, task.result.successes) == ("success", ("n1", "n2", "n3"))
        (step,) = lab.store.subtasks(task.task_id)
        assert (step.action, step.scope) == ("interrogate_oob", ("n1", "n2", "n3"))
        assert "n1: the BMC answers, power is off" in lab.said(task.task_id)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words"),
    [("bmc_silent", "no answer from 10.2.0.3"), ("bmc_denied", "refuses the credentials")],
)
async def test_a_bmc_that_does_not_answer_or_refuses_fails_its_node_only(kind, words):
    lab = Lab(faults=[fault(kind, "n2")])
    lab.with_settings(drydock_timeout=2.0)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("verify_nodes")

        assert (task.result.successes, task.result.failures) == (("n1", "n3"), ("n2",))
        assert task.result.status == "partial_success"
        (text,) = lab.texts(task.task_id, error=True)
        assert words in text


async def test_each_oob_type_is_a_step_of_its_own_and_an_unsupported_one_a_failure():
    text = site_text(
        4,
        n2={"oob": {"type": "redfish"}},
        n3={"oob": {"type": "manual"}},
    )
    lab = Lab(text)
    lab.drivers.oob[0].oob_types = ("ipmi",)
    lab.drivers.oob.append(FakeOob(FakeOptions(oob_types=["redfish"]), room=lab.room))
    async with lab:
        task = await lab.run("verify_nodes")

        assert (task.result.successes, task.result.failures) == (("n1", "n2", "n4"), ("n3",))
        assert [s.scope for s in lab.store.subtasks(task.task_id)] == [("n1", "n4"), ("n2",)]
        (message,) = [m for m in lab.store.messages(task.task_id) if m.error]
        assert message.message == "Node n3 OOB type manual is not supported."
        assert (message.context_type, message.context) == ("node", "n3")


async def test_without_nodes_in_scope_there_is_nothing_to_do():
    async with Lab() as lab:
        task = await lab.run("verify_nodes", "no-such-node")

        assert (task.result.status, task.result.successes) == ("success", ())
        _, message = lab.store.messages(task.task_id)
        assert message.message == "No nodes in scope, no work to do."
        assert (message.context_type, message.context, message.error) == ("NA", "NA", False)
