import asyncio

import pytest

from drydockd.errors import DriverPersistent
from drydockd.tasks.steps.lookup import Unanswered, look_up
from drydockd.tasks.words.stops import StepFailed, Terminated
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_step import running


async def ask(lab, job, question):
    return await look_up(
        lab.parts, job, "n1", job.task_id, question, what="existence", driver="node"
    )


async def test_the_answer_comes_back_and_the_slot_is_free_again():
    lab = Lab()
    job = await running(lab)

    async def question(run):
        return run.name

    assert await ask(lab, job, question) == "n1"
    assert lab.parts.slots.waiting == 0


@pytest.mark.parametrize("error", [StepFailed("foreign"), DriverPersistent("foreign")])
async def test_what_cannot_be_told_says_why(error):
    lab = Lab()

    async def question(run):
        raise error

    with pytest.raises(Unanswered, match="foreign"):
        await ask(lab, await running(lab), question)


async def test_no_answer_in_time_says_what_was_seen():
    lab = Lab()
    lab.with_settings(drydock_timeout=0.02)
    lab.tasks = lab._new()

    async def question(run):
        run.saw("503")
        await asyncio.Event().wait()

    with pytest.raises(Unanswered, match=r"no answer within 0\.02 s; last seen: 503"):
        await ask(lab, await running(lab), question)


async def test_who_waits_for_a_slot_is_sent_away_by_the_wish_to_stop():
    lab = Lab()
    lab.with_settings(fan_out=1)
    lab.tasks = lab._new()
    job = await running(lab)
    assert lab.parts.slots.try_take(f"{job.task_id}/existence", "node", job.task_id)
    asyncio.get_running_loop().call_soon(job.stop)

    async def question(run):
        raise AssertionError

    with pytest.raises(Terminated):
        await ask(lab, job, question)
