import asyncio

from drydockd.drivers.base import SiteNote
from drydockd.errors import DriverTransient
from drydockd.model import Action
from drydockd.tasks.steps.sitestep import site_step
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_step import running

STEP = Action.VALIDATE_NODE_SERVICES


async def test_notes_become_messages_and_an_error_a_failure():
    async def call():
        return [SiteNote("fine"), SiteNote("broken", True, "network", "pxe")]

    lab = Lab()
    job = await running(lab)
    assert await site_step(lab.parts, job, STEP, call) is False

    (step,) = lab.store.subtasks(job.task_id)
    assert lab.texts(step.task_id) == ["fine", "broken"]
    assert lab.texts(job.task_id, error=True) == ["broken"]


async def test_a_provisioner_that_is_away_for_a_moment_is_asked_again():
    calls = 0

    async def call():
        nonlocal calls
        calls += 1
        if calls < 3:
            raise DriverTransient("503")
        return []

    lab = Lab()
    assert await site_step(lab.parts, await running(lab), STEP, call) is True
    assert calls == 3


async def test_a_check_is_not_made_again_and_says_why_it_failed():
    calls = 0

    async def call():
        nonlocal calls
        calls += 1
        raise DriverTransient("503")

    lab = Lab()
    job = await running(lab)
    assert await site_step(lab.parts, job, STEP, call, is_check=True) is False
    assert calls == 1
    assert lab.texts(job.task_id, error=True) == [f"{STEP}: 503"]


async def test_a_limit_names_the_last_thing_seen_which_was_said_once():
    async def call():
        raise DriverTransient("503")

    lab = Lab()
    lab.with_settings(drydock_timeout=0.05)
    lab.tasks = lab._new()
    job = await running(lab)
    assert await site_step(lab.parts, job, STEP, call) is False

    assert lab.texts(job.task_id, error=True) == [
        f"{STEP} did not end within 0.05 s; last seen: 503"
    ]
    assert lab.texts(job.task_id).count("503; trying again") == 1


async def test_a_step_taken_up_again_does_not_say_again_what_it_waits_for():
    async def call():
        raise DriverTransient("503")

    lab = Lab()
    lab.with_settings(drydock_timeout=0.05, resume_grace=0.05)
    lab.tasks = lab._new()
    job = await running(lab)
    cut = asyncio.create_task(site_step(lab.parts, job, STEP, call))
    await lab.until(lambda: "503; trying again" in lab.texts(job.task_id))
    cut.cancel()
    await asyncio.wait({cut})
    resumed = await lab.job(lab.store.task(job.task_id), was_resumed=True)
    assert await site_step(lab.parts, resumed, STEP, call) is False

    assert lab.texts(job.task_id).count("503; trying again") == 1


async def test_a_defect_is_a_failure_without_its_details():
    async def call():
        raise RuntimeError("hidden")

    lab = Lab()
    job = await running(lab)
    assert await site_step(lab.parts, job, STEP, call) is False
    (text,) = lab.texts(job.task_id, error=True)
    assert "(RuntimeError)" in text
    assert "hidden" not in text


async def test_an_interrupted_step_is_made_again_under_its_old_record_and_a_finished_one_is_not():
    calls = 0

    async def call():
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()
        return []

    lab = Lab()
    job = await running(lab)
    cut = asyncio.create_task(site_step(lab.parts, job, STEP, call))
    await lab.until(lambda: calls == 1 or lab.store.subtasks(job.task_id))
    await asyncio.sleep(0)
    cut.cancel()
    await asyncio.wait({cut})

    for _ in range(2):
        resumed = await lab.job(lab.store.task(job.task_id), was_resumed=True)
        assert await site_step(lab.parts, resumed, STEP, call) is True
    assert calls == 2
    assert len(lab.store.subtasks(job.task_id)) == 1
