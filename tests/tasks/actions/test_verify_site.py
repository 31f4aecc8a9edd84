import asyncio
from dataclasses import replace

import pytest

from drydockd.drivers.base import SiteNote
from drydockd.drivers.kubernetes.fake import FakeKubernetes
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverPersistent, DriverTransient
from tests.tasks.helpers import Lab


class Sick(FakeNodeProvisioner):
    """A provisioner with a service that is down; the room's never is."""

    async def check(self):
        return [
            SiteNote("dhcp is up"),
            SiteNote("rack controller rc1 is down", True, "rack_ctlr", "rc1"),
        ]


class Denied(FakeNodeProvisioner):
    async def check(self):
        raise DriverPersistent("the API key is refused")


class Away(FakeNodeProvisioner):
    asked = 0

    async def check(self):
        Away.asked += 1
        raise DriverTransient("http://room: connection refused")


class Silent(FakeNodeProvisioner):
    """Takes every question and answers none."""

    async def check(self):
        await asyncio.Event().wait()


def lab_with(driver_class):
    lab = Lab()
    lab.drivers = replace(lab.drivers, node=driver_class(room=lab.room))
    lab.tasks = lab._new()
    return lab


async def test_a_healthy_provisioner_ends_success():
    async with Lab() as lab:
        task = await lab.run("verify_site")

        assert task.result.status == "success"
        (step,) = lab.store.subtasks(task.task_id)
        assert (step.action, step.status) == ("validate_node_services", "complete")
        assert lab.texts(task.task_id) == [
            f"Started subtask {step.task_id} for action validate_node_services",
            f"Collected subtask {step.task_id}",
        ]


async def test_a_service_that_is_down_fails_the_task_and_is_named_on_it():
    async with lab_with(Sick) as lab:
        task = await lab.run("verify_site")

        assert task.result.status == "failure"
        (message,) = [m for m in lab.store.messages(task.task_id) if m.error]
        assert (message.message, message.context_type, message.context) == (
            "rack controller rc1 is down",
            "rack_ctlr",
            "rc1",
        )


class NoRights(FakeKubernetes):
    async def check(self):
        raise DriverPersistent("the account may not patch nodes; bind the ClusterRole")


async def test_a_cluster_that_would_refuse_us_is_told_and_fails_nothing():
    lab = Lab()
    lab.drivers = replace(lab.drivers, kubernetes=NoRights(room=lab.room))
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("verify_site")

        assert task.result.status == "success"
        said = "the account may not patch nodes; bind the ClusterRole; until then relabel_nodes"
        assert any(text.startswith(said) for text in lab.texts(task.task_id))


async def test_a_refusing_provisioner_fails_the_task_with_its_words():
    async with lab_with(Denied) as lab:
        task = await lab.run("verify_site")

        assert task.result.status == "failure"
        assert "the API key is refused" in " ".join(lab.texts(task.task_id, error=True))


async def test_without_a_node_driver_the_task_says_so_in_the_contracts_words():
    lab = Lab()
    lab.drivers = replace(lab.drivers, node=None)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("verify_site")

        assert (task.status, task.result.status) == ("complete", "failure")
        assert task.result.message == "No NodeDriver enabled."
        assert task.result.reason == "Bad Configuration."
        assert lab.texts(task.task_id, error=True) == ["No node driver enabled, ending task."]


async def test_a_provisioner_that_is_away_fails_the_check_at_once_with_the_cause():
    Away.asked = 0
    async with lab_with(Away) as lab:
        task = await lab.run("verify_site")

        assert (task.status, task.result.status, Away.asked) == ("complete", "failure", 1)
        cause = "validate_node_services: http://room: connection refused"
        assert lab.texts(task.task_id, error=True) == [cause]


async def test_one_that_is_silent_fails_the_check_with_what_was_seen():
    lab = lab_with(Silent)
    lab.with_settings(drydock_timeout=0.05)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("verify_site")

        (text,) = lab.texts(task.task_id, error=True)
        assert text == "validate_node_services did not end within 0.05 s; nothing was seen of it"


@pytest.mark.parametrize("younger", ["prepare_site", "verify_nodes", "destroy_nodes"])
async def test_a_check_under_way_holds_nobody_up(younger):
    async with lab_with(Silent) as lab:
        check = await lab.submit("verify_site")
        await lab.until(lambda: lab.store.subtasks(check.task_id))
        task = await lab.run(younger, all_nodes=younger == "destroy_nodes")

        assert task.result.status == "success"
        assert lab.store.task(check.task_id).status == "running"


@pytest.mark.parametrize("check", ["verify_site", "validate_design"])
async def test_a_check_waits_for_nobody(check):
    lab = Lab()
    lab.with_settings(noop_seconds=30)
    lab.tasks = lab._new()
    async with lab:
        older = await lab.submit("noop")
        await lab.until(lambda: lab.store.task(older.task_id).status == "running")
        task = await lab.run(check)

        assert task.result.status == "success"
        assert lab.store.task(older.task_id).status == "running"
