from dataclasses import replace

import pytest

from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverTransient, InvalidFilter, InvalidInput
from drydockd.model import Action
from drydockd.tasks import TaskRequest
from tests.tasks.helpers import OPS, SITE, Lab, fault, names


async def test_nodes_are_wiped_and_forgotten():
    async with Lab(initial="ready") as lab:
        task = await lab.run("destroy_nodes", "n1", "n2")

        assert (task.result.status, task.result.successes) == ("success", ("n1", "n2"))
        wipes = await lab.counters("wipes")
        assert (wipes["n1"], wipes["n2"], wipes.get("n3", 0)) == (1, 1, 0)


async def test_a_node_nobody_knows_is_destroyed_already():
    async with Lab() as lab:
        task = await lab.run("destroy_nodes", "n1")

        assert task.result.successes == ("n1",)
        assert "n1: unknown to the provisioner, nothing to destroy" in lab.said(task.task_id)


async def test_without_a_filter_nothing_is_destroyed_unless_all_nodes_is_said():
    async with Lab(initial="ready") as lab:
        with pytest.raises(InvalidInput, match="all_nodes"):
            await lab.submit("destroy_nodes")
        assert lab.store.tasks() == []

        task = await lab.run("destroy_nodes", all_nodes=True)
        assert task.result.successes == names(3)


async def test_a_misspelt_filter_is_refused_when_the_task_is_created():
    async with Lab() as lab:
        bad = {"filter_set_type": "union", "filter_set": [{"filter_type": "union", "nodes": []}]}
        with pytest.raises(InvalidFilter, match="nodes"):
            await lab.tasks.submit(TaskRequest(Action.DESTROY_NODES, SITE, bad), OPS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wipe_fails", "wipe_hangs"])
async def test_a_wipe_that_does_not_end_well_fails_its_node_and_keeps_it(kind):
    lab = Lab(initial="ready", faults=[fault(kind, "n2")])
    lab.with_settings(destroy_node=0.2)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("destroy_nodes", *names(3))

        assert (task.result.successes, task.result.failures) == (("n1", "n3"), ("n2",))
        (step,) = lab.store.subtasks(task.task_id)
        assert (step.retry, step.result.failures) == (3, ("n2",))
        assert len(lab.store.subtasks(step.task_id)) == 6
        # A hanging wipe is joined by the later attempts, a failed one begun again by each.
        assert (await lab.counters("wipes"))["n2"] == (4 if kind == "wipe_fails" else 1)


class LosesAnswers(FakeNodeProvisioner):
    """A provisioner that wipes, but whose first answer does not come back."""

    async def destroy(self, node, voice):
        self.destroy = super().destroy
        await self.destroy(node, voice)
        raise DriverTransient("no answer")


async def test_a_wipe_whose_answer_was_lost_is_not_repeated():
    lab = Lab(initial="ready")
    lab.drivers = replace(lab.drivers, node=LosesAnswers(room=lab.room))
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("destroy_nodes", "n1")

        assert task.result.successes == ("n1",)
        assert (await lab.counters("wipes"))["n1"] == 1
        (step,) = lab.store.subtasks(task.task_id)
        assert step.retry == 0
        texts = lab.said(task.task_id)
        assert "n1: no answer" in texts
        assert "n1: wiped and forgotten" in texts
