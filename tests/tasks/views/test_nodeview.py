from dataclasses import replace

import pytest

from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverTransient, NotFound
from drydockd.tasks.words import records
from tests.tasks.helpers import Lab, fault, site_text


class Away(FakeNodeProvisioner):
    """A provisioner that does not answer; the room always does."""

    async def list_nodes(self):
        raise DriverTransient("no answer from the provisioner")


async def test_a_node_nobody_is_busy_with_shows_the_provisioners_row():
    async with Lab(initial="ready") as lab:
        await lab.run("prepare_nodes")
        view = await lab.tasks.node_view("n1")

        assert (view.row.status_name, view.row_error) == ("Ready", None)
        assert (view.task, view.step, view.waiting_for) == (None, None, None)


async def test_a_stuck_deployment_says_what_it_waits_for_since_when_and_until_when():
    lab = Lab(initial="ready", faults=[fault("deploy_hangs", "n1")])
    lab.with_settings(deploy_node=30)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: any("deploying jammy" in t for t in lab.said(task.task_id)))
        view = await lab.tasks.node_view("n1")

        assert (view.task.task_id, view.step.action) == (task.task_id, "deploy_node")
        assert view.waiting_for.startswith("the end of the deployment; last seen: n1: deploying")
        assert view.since == view.step.started
        assert view.until == view.step.deadline
        assert view.row.status_name == "Deploying"
        assert {a.name: a.status for a in view.boot_actions} == {
            "hello": "incomplete",
            "quiet": "unreported",
        }


async def test_a_silent_node_shows_the_boot_action_it_owes_and_its_last_contact():
    lab = Lab(site_text(1), initial="ready", faults=[fault("never_reports")])
    lab.with_settings(bootaction_final_status=30)
    lab.tasks = lab._new()
    async with lab:
        await lab.submit("deploy_nodes")
        await lab.until(lambda: any("hello" in r.waiting_for for r in lab.parts.at_work.values()))
        await lab.until(lambda: len(lab.store.boot_context("n1").delivered) == 2)
        view = await lab.tasks.node_view("n1")

        assert view.waiting_for == "the final status of hello"
        assert view.last_contact == max(view.context.delivered.values())


async def test_a_waiting_task_says_for_whom():
    lab = Lab()
    lab.with_settings(noop_seconds=30)
    lab.tasks = lab._new()
    async with lab:
        first = await lab.submit("noop", "n1", "n2")
        second = await lab.submit("noop", "n2", "n3")
        await lab.until(lambda: any("which holds" in t for t in lab.texts(second.task_id)))
        view = await lab.tasks.node_view("n3")

        assert view.task.task_id == second.task_id
        assert view.waiting_for == f"task {first.task_id} (noop), which holds n2"


@pytest.mark.parametrize("is_set_back", [False, True])
async def test_the_task_at_work_is_shown_and_not_one_behind_it_whatever_the_clock_says(
    monkeypatch, is_set_back
):
    lab = Lab(initial="ready", faults=[fault("deploy_hangs", "n1")])
    lab.with_settings(deploy_node=30)
    lab.tasks = lab._new()
    async with lab:
        first = await lab.submit("deploy_nodes", "n1")
        await lab.until(lambda: any("deploying jammy" in t for t in lab.said(first.task_id)))
        if is_set_back:
            monkeypatch.setattr(records, "timestamp", lambda: "2026-01-01T00:00:00.000000+00:00")
        behind = await lab.submit("destroy_nodes", "n1")
        await lab.until(lambda: lab.texts(behind.task_id))
        view = await lab.tasks.node_view("n1")

        assert (view.task.task_id, view.step.action) == (first.task_id, "deploy_node")
        assert view.waiting_for.startswith("the end of the deployment")


async def test_a_provisioner_that_is_away_hides_nothing_else():
    lab = Lab(site_text(1), initial="ready")
    async with lab:
        await lab.run("deploy_nodes")
        lab.drivers = replace(lab.drivers, node=Away(room=lab.room))
        await lab.restart()
        view = await lab.tasks.node_view("n1")

        assert (view.row, view.row_error) == (None, "no answer from the provisioner")
        assert view.context is not None


async def test_a_node_nobody_knows_is_not_found():
    async with Lab() as lab:
        with pytest.raises(NotFound, match="Node nobody is known neither"):
            await lab.tasks.node_view("nobody")
