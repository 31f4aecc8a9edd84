from drydockd.drivers.base import SiteNote
from drydockd.model import Action
from drydockd.tasks.steps.runner import StepRunner
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_step import running

FIRST, SECOND = Action.CREATE_NETWORK_TEMPLATE, Action.CONFIGURE_USER_CREDENTIALS


async def test_site_steps_run_one_after_another_also_behind_one_that_failed():
    order = []

    async def bad():
        order.append("bad")
        return [SiteNote("broken", True)]

    async def good():
        order.append("good")
        return []

    lab = Lab()
    job = await running(lab)
    result = await StepRunner(lab.parts).site_steps(job, {FIRST: bad, SECOND: good})

    assert order == ["bad", "good"]
    assert result.status == "partial_success"


async def test_what_was_begun_before_the_start_counts_for_a_resumed_job_only():
    async def call():
        return []

    lab = Lab()
    job = await running(lab)
    runner = StepRunner(lab.parts)
    await runner.site_steps(job, {FIRST: call})
    resumed = await lab.job(lab.store.task(job.task_id), was_resumed=True)

    assert runner.begun(job, job.task_id) == set()
    assert runner.begun(resumed, job.task_id) == {FIRST}
