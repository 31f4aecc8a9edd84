import asyncio

import pytest

from drydockd.errors import Conflict
from drydockd.model import BootActionStatus
from drydockd.tasks import ReportDetail
from tests.tasks.helpers import Lab, fault, site_text

SILENT = [fault("never_reports")]
ABSENT = [fault("never_boots")]


async def waiting_lab(lab):
    """Deploy n1 and return its task and signalling row once the report step waits."""
    task = await lab.submit("deploy_nodes", "n1")
    await lab.until(
        lambda: [
            t
            for t in lab.tree(task.task_id)
            if t.action == "bootaction_report"
            and not lab.store.subtask_ids(t.task_id)
            and t.status == "running"
        ]
    )
    (row,) = [r for r in lab.store.boot_actions("n1") if r.name == "hello"]
    return task, row


async def test_the_wait_ends_with_the_last_report_and_not_with_a_poll():
    lab = Lab(initial="ready", faults=SILENT)
    lab.with_settings(bootaction_final_status=30, poll_interval=30)
    lab.tasks = lab._new()
    async with lab:
        task, row = await waiting_lab(lab)
        started = asyncio.get_running_loop().time()
        await lab.tasks.deployments.report(row.action_id, BootActionStatus.SUCCESS)
        task = await lab.finished(task.task_id)

        assert task.result.successes == ("n1",)
        assert asyncio.get_running_loop().time() - started < 1


async def test_a_late_report_is_recorded_but_changes_no_result():
    lab = Lab(initial="ready", faults=SILENT)
    lab.with_settings(bootaction_final_status=0.05)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("deploy_nodes", "n1")
        assert task.result.failures == ("n1",)
        (row,) = [r for r in lab.store.boot_actions("n1") if r.name == "hello"]

        late = [ReportDetail("better late than never")]
        row = await lab.tasks.deployments.report(row.action_id, BootActionStatus.SUCCESS, late)

        assert row.status == "success"
        assert "better late than never" in lab.texts(row.task_id)
        assert lab.store.task(task.task_id) == task
        with pytest.raises(Conflict):
            await lab.tasks.deployments.report(row.action_id, None)


async def test_stopping_the_task_ends_the_wait_at_once():
    lab = Lab(initial="ready", faults=SILENT)
    lab.with_settings(bootaction_final_status=30)
    lab.tasks = lab._new()
    async with lab:
        task, _ = await waiting_lab(lab)
        await lab.tasks.terminate(task.task_id, lab.caller)
        task = await lab.finished(task.task_id, seconds=2)

        assert (task.status, task.result.failures) == ("terminated", ("n1",))


async def test_an_action_without_signalling_is_waited_for_by_nobody():
    text = site_text(1).replace("signaling: true", "signaling: false")
    async with Lab(text, initial="ready", faults=SILENT) as lab:
        task = await lab.run("deploy_nodes")

        assert task.result.status == "success"
        assert not any("hello" in text for text in lab.said(task.task_id))


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_node_that_cannot_have_its_boot_data_ends_the_wait_at_once_with_the_cause(
    is_restarted,
):
    lab = Lab(initial="ready", faults=ABSENT)
    lab.with_settings(bootaction_final_status=30, poll_interval=30)
    lab.tasks = lab._new()
    async with lab:
        task, row = await waiting_lab(lab)
        deployments = lab.tasks.deployments
        context = deployments.current("n1")
        if is_restarted:
            await lab.kill()
        said = "boot action hello, file /opt/hello: blob 12ab is damaged"
        await deployments.note_render_failure(context, "files", said, is_final=True)
        if is_restarted:
            lab.tasks = lab._new()
            await lab.start()
        task = await lab.finished(task.task_id)

        assert task.result.failures == ("n1",)
        failure = lab.texts(task.task_id, error=True)[-1]
        assert failure.endswith(
            f"n1 asked for boot data that could not be rendered (files): {said}."
        )
        assert "timed out" not in " ".join(lab.said(task.task_id))
        assert lab.store.boot_action(row.action_id).status == "incomplete"


async def test_a_failure_that_passes_does_not_end_the_wait():
    lab = Lab(initial="ready", faults=SILENT)
    lab.with_settings(bootaction_final_status=30, poll_interval=30)
    lab.tasks = lab._new()
    async with lab:
        task, row = await waiting_lab(lab)
        deployments = lab.tasks.deployments
        context = deployments.current("n1")
        await deployments.note_render_failure(context, "files", "away", is_final=False)
        await deployments.report(row.action_id, BootActionStatus.SUCCESS)
        assert (await lab.finished(task.task_id)).result.successes == ("n1",)
