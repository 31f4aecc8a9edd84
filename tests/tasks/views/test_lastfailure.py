import pytest

from drydockd.tasks.views.lastfailure import last_of
from tests.tasks.helpers import Lab, fault, site_text


async def test_a_failed_node_says_why_until_its_next_task_and_after_a_restart_too():
    async with Lab(site_text(2), initial="ready", faults=[fault("deploy_fails", "n1")]) as lab:
        task = await lab.run("deploy_nodes")
        await lab.restart()
        last = (await lab.tasks.node_view("n1")).last

        assert (last.task.task_id, last.outcome) == (task.task_id, "failure")
        assert last.step.action == "deploy_node"
        assert "n1" in last.cause
        assert last.cause == last.step.result.message
        assert "read the provisioner's log of the deployment" in last.remedy
        assert f"`drydock task retry -t {task.task_id}`" in last.remedy

        good = last_of(lab.store, "n2")
        assert (good.outcome, good.step, good.cause) == ("success", None, None)

        verify = await lab.run("verify_nodes", "n1")
        last = last_of(lab.store, "n1")
        assert (last.task.task_id, last.outcome) == (verify.task_id, "success")


@pytest.mark.parametrize(
    ("kind", "cause", "remedy"),
    [
        ("never_boots", "n1 never fetched its boot data", "api.public_url"),
        ("never_reports", "n1 fetched its boot data (files at ", "bootactions.report_url"),
        ("reports_failure", "The node said: done", "what the node names"),
    ],
)
async def test_silence_says_how_far_the_node_came_and_failure_what_the_node_said(
    kind, cause, remedy
):
    lab = Lab(site_text(1), initial="ready", faults=[fault(kind)])
    lab.with_settings(bootaction_final_status=0.5)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("deploy_nodes")
        last = last_of(lab.store, "n1")

        assert last.step.action == "bootaction_report"
        assert cause in last.cause
        assert remedy in last.remedy
        # The words of the contract stay as they are.
        words = "completed with status failure" if kind == "reports_failure" else "timed out."
        assert any(
            t.startswith("Boot action hello") and t.endswith(words) for t in lab.said(task.task_id)
        )


async def test_a_node_that_failed_is_told_while_the_task_goes_on_for_others():
    faults = [fault("deploy_fails", "n1"), fault("deploy_hangs", "n2")]
    lab = Lab(site_text(2), initial="ready", faults=faults)
    lab.with_settings(deploy_node=30)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: any("Node n1 failed" in t for t in lab.texts(task.task_id)))
        last = last_of(lab.store, "n1")

        assert (last.outcome, last.step.action) == ("failure", "deploy_node")
        assert last_of(lab.store, "n2").outcome is None


async def test_a_task_that_only_waits_hides_nothing_of_the_one_before():
    lab = Lab(site_text(2), initial="ready", faults=[fault("deploy_fails", "n1")])
    lab.with_settings(noop_seconds=30)
    lab.tasks = lab._new()
    async with lab:
        failed = await lab.run("deploy_nodes", "n1")
        await lab.submit("noop", "n2")
        behind = await lab.submit("noop", "n1", "n2")
        await lab.until(lambda: lab.texts(behind.task_id))

        assert last_of(lab.store, "n1").task.task_id == failed.task_id


async def test_a_task_that_failed_as_a_whole_names_its_findings():
    async with Lab(site_text(1, bad=True)) as lab:
        await lab.run("deploy_nodes")
        last = last_of(lab.store, "n1")

        assert (last.outcome, last.step) == ("failure", None)
        assert "10.99.0.1" in last.cause


async def test_a_node_no_task_named_has_no_last_task():
    async with Lab() as lab:
        assert last_of(lab.store, "n1") is None
