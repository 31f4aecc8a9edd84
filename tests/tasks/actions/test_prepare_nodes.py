import asyncio
from dataclasses import replace

import pytest

from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverTransient
from tests.tasks.helpers import Lab, fault, names, site_text

OOB = ["set_node_boot", "power_cycle_node", "identify_node", "configure_hardware"]


class Flaky(FakeNodeProvisioner):
    """A provisioner whose look-ups fail; the room always answers."""

    down_for = frozenset()

    async def find(self, node):
        if node.name in self.down_for:
            raise DriverTransient("the provisioner answers 503")
        return await super().find(node)


def with_provisioner(lab, driver):
    lab.drivers = replace(lab.drivers, node=driver)
    lab.tasks = lab._new()
    return lab


async def test_unknown_nodes_are_netbooted_identified_and_commissioned_each_in_its_subtask():
    async with Lab() as lab:
        task = await lab.run("prepare_nodes")

        assert (task.result.status, task.result.successes) == ("success", names(3))
        branches = lab.store.subtasks(task.task_id)
        assert [(b.action, b.scope) for b in branches] == [
            ("prepare_nodes", (name,)) for name in names(3)
        ]
        for branch in branches:
            steps = lab.store.subtasks(branch.task_id)
            assert [step.action for step in steps] == OOB
            assert all(len(lab.store.subtask_ids(step.task_id)) == 1 for step in steps)
        assert await lab.counters("power_cuts") == dict.fromkeys(names(3), 0)
        assert await lab.counters("netboots") == dict.fromkeys(names(3), 1)


async def test_a_single_node_needs_no_split():
    async with Lab() as lab:
        task = await lab.run("prepare_nodes", "n2")

        assert task.result.successes == ("n2",)
        assert [s.action for s in lab.store.subtasks(task.task_id)] == OOB


async def test_a_known_node_is_never_rebooted():
    async with Lab(initial="ready") as lab:
        task = await lab.run("prepare_nodes")

        assert task.result.successes == names(3)
        for branch in lab.store.subtasks(task.task_id):
            assert [s.action for s in lab.store.subtasks(branch.task_id)] == ["configure_hardware"]
        assert set((await lab.counters("starts")).values()) == {0}
        assert any("out-of-band steps skipped" in text for text in lab.said(task.task_id))


async def test_a_node_of_which_it_cannot_be_told_whether_it_is_known_is_not_touched():
    lab = Lab()
    driver = Flaky(room=lab.room)
    driver.down_for = {"n2"}
    lab.with_settings(drydock_timeout=0.1)
    async with with_provisioner(lab, driver):
        task = await lab.run("prepare_nodes")

        assert (task.result.successes, task.result.failures) == (("n1", "n3"), ("n2",))
        assert any(
            "cannot be told, not touched" in text and "503" in text
            for text in lab.texts(task.task_id, error=True)
        )
        machine = await lab.machine("n2")
        assert machine is None or machine.counters["starts"] == 0


async def test_a_short_outage_of_the_provisioner_is_waited_out():
    lab = Lab()
    driver = Flaky(room=lab.room)
    driver.down_for = {"n1"}
    async with with_provisioner(lab, driver):
        task = await lab.submit("prepare_nodes", "n1")
        await lab.until(lambda: any("trying again" in t for t in lab.said(task.task_id)))
        driver.down_for = set()
        task = await lab.finished(task.task_id)

        assert task.result.status == "success"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("bmc_silent", "no answer from"),
        ("bmc_denied", "refuses the credentials"),
        ("power_stuck", "still"),
        ("no_discovery", "the provisioner to see the node did not happen within"),
        ("commission_fails", "commissioning failed"),
        ("commission_hangs", "the end of commissioning did not happen within"),
    ],
)
async def test_each_fault_fails_its_node_with_a_message_and_no_other(kind, words):
    lab = Lab(faults=[fault(kind, "n2")])
    lab.with_settings(identify_node=0.3, configure_hardware=0.4)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("prepare_nodes")

        assert (task.result.successes, task.result.failures) == (("n1", "n3"), ("n2",))
        assert task.result.status == "partial_success"
        assert any(words in text for text in lab.texts(task.task_id, error=True))
        assert all(t.status.is_final for t in lab.tree(task.task_id))


async def test_commissioning_is_tried_up_to_four_times_in_one_subtask():
    lab = Lab(faults=[fault("commission_fails", "n1", times=3)], initial="new")
    async with lab:
        task = await lab.run("prepare_nodes", "n1")

        assert task.result.successes == ("n1",)
        (step,) = lab.store.subtasks(task.task_id)
        assert (step.retry, step.result.status, step.result.failures) == (3, "success", ())
        assert [c.retry for c in lab.store.subtasks(step.task_id)] == [0, 1, 2, 3]
        texts = lab.texts(step.task_id)
        assert texts.count("Retrying task for failed entities.") == 3
        assert "Retry requested, out of attempts." not in texts
        assert (await lab.counters("commissions"))["n1"] == 4


async def test_after_four_attempts_it_is_over():
    lab = Lab(faults=[fault("commission_fails", "n1")], initial="new")
    async with lab:
        task = await lab.run("prepare_nodes", "n1")

        assert task.result.failures == ("n1",)
        (step,) = lab.store.subtasks(task.task_id)
        assert "Retry requested, out of attempts." in lab.texts(step.task_id)
        assert (await lab.counters("commissions"))["n1"] == 4


async def test_an_unknown_node_without_an_oob_driver_goes_no_further():
    lab = Lab(site_text(2, n2={"oob": {"type": "manual"}}))
    lab.drivers.oob[0].oob_types = ("ipmi",)
    async with lab:
        task = await lab.run("prepare_nodes")

        assert (task.result.successes, task.result.failures) == (("n1",), ("n2",))
        assert "Node n2 OOB type manual is not supported." in lab.texts(task.task_id, error=True)


async def test_infrastructure_is_never_touched():
    machines = [{"name": "n1", "state": "ready", "kind": "infrastructure", "power": "on"}]
    async with Lab(site_text(1), machines=machines) as lab:
        task = await lab.run("prepare_nodes")

        assert task.result.failures == ("n1",)
        assert any("never touched" in text for text in lab.texts(task.task_id, error=True))


async def test_what_commissioning_taught_is_kept_and_linked():
    async with Lab(site_text(1)) as lab:
        await lab.run("prepare_nodes")

        found = await asyncio.to_thread(lab.store.build_data, node="n1")
        assert {"lshw", "lldp", "testing:smartctl-validate"} <= {d.generator for d in found}
        child = lab.store.task(found[0].task_id)
        assert (child.action, child.scope) == ("configure_hardware", ("n1",))
        (link,) = child.result.links
        assert link.rel == "detail_logs"
        assert link.href.endswith(f"/api/v1.0/tasks/{child.task_id}/builddata")


def enrolling():
    lab = Lab()
    options = FakeOptions(discovers="enrol")
    return with_provisioner(lab, FakeNodeProvisioner(options, room=lab.room))


async def test_where_the_provisioner_enrols_unknown_nodes_no_bmc_is_touched():
    lab = enrolling()
    lab.drivers = replace(lab.drivers, oob=[])
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("prepare_nodes")

        assert (task.result.status, task.result.successes) == ("success", names(3))
        for branch in lab.store.subtasks(task.task_id):
            steps = [s.action for s in lab.store.subtasks(branch.task_id)]
            assert steps == ["identify_node", "configure_hardware"]
        assert await lab.counters("netboots") == dict.fromkeys(names(3), 0)
        assert await lab.counters("power_cuts") == dict.fromkeys(names(3), 0)


async def test_an_enrolled_node_is_known_the_next_time():
    async with enrolling() as lab:
        await lab.run("prepare_nodes", "n1")
        again = await lab.run("prepare_nodes", "n1")

        assert again.result.successes == ("n1",)
        steps = [s.action for s in lab.store.subtasks(again.task_id)]
        assert steps == ["configure_hardware"]


async def test_an_enrolment_that_was_interrupted_goes_on_after_a_restart():
    async with enrolling() as lab:
        task = await lab.submit("prepare_nodes", "n1")
        await lab.until(lambda: any(s.action == "identify_node" for s in lab.tree(task.task_id)))
        await lab.restart()
        task = await lab.finished(task.task_id)

        assert task.result.successes == ("n1",), lab.said(task.task_id)
        assert await lab.counters("netboots") == {"n1": 0}
