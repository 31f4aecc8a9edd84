import asyncio
from dataclasses import replace

import pytest

from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.model import Action
from drydockd.store.base import Put
from drydockd.tasks.words import records
from drydockd.tasks.words.requests import TaskRequest
from drydockd.tasks.words.stops import Terminated
from drydockd.tasks.words.times import moment_after
from tests.tasks.helpers import OPS, SITE, Lab, concluded


async def a_job(lab, **fields):
    task = records.top_level(TaskRequest(Action.NOOP, SITE), OPS)
    task = replace(task, scope=("n1", "n2"), **fields)
    await lab.store.write(Put(task))
    return await lab.job(task)


async def test_a_pause_ends_by_itself_or_with_the_wish_to_stop():
    job = await a_job(Lab())
    await job.pause(0.001)
    asyncio.get_running_loop().call_soon(job.stop)
    with pytest.raises(Terminated):
        await job.pause(30)
    assert not await job.may_go_on()


async def test_stopping_wakes_those_who_wait_for_something_else():
    job = await a_job(Lab())
    event = asyncio.Event()
    with job.woken_by_stop(event):
        job.stop()
        assert event.is_set()


async def test_a_task_that_was_told_to_stop_before_is_stopping():
    assert (await a_job(Lab(), terminate=True)).stopping.is_set()


async def test_the_outcome_partitions_the_scope_in_order():
    job = await a_job(Lab())
    result = job.outcome(["n2"])
    assert (result.successes, result.failures) == (("n2",), ("n1",))


async def a_run(lab, **options):
    job = await a_job(lab)
    return lab.node_run(job, **options)


async def test_what_a_call_saw_before_it_was_cancelled_is_the_last_thing_seen():
    run = await a_run(Lab())

    async def call():
        cut = asyncio.CancelledError()
        cut.add_note("n1: BMC 10.2.0.2: no answer in time")
        raise cut

    with pytest.raises(asyncio.CancelledError):
        await run.patiently(call)
    assert run.last_seen == "n1: BMC 10.2.0.2: no answer in time"


async def test_what_a_driver_says_is_a_message_on_the_node_and_the_last_thing_seen():
    lab = Lab()
    run = await a_run(lab)
    await run.say("spinning up")

    (message,) = lab.store.messages(run.task_id)
    assert (message.message, message.context_type, message.context) == ("spinning up", "node", "n1")
    assert run.last_seen == "spinning up"


async def test_a_last_word_is_the_last_thing_seen_and_waits_for_the_end():
    lab = Lab()
    run = await a_run(lab)
    run.conclude("done")

    assert (concluded(run), run.last_seen) == (["done"], "done")
    assert lab.texts(run.task_id) == []


async def test_a_run_or_job_that_was_resumed_does_not_say_again_what_it_said():
    lab = Lab()
    job = await a_job(lab)
    await lab.node_run(job).say("spinning up")
    await job.say("no driver", node="n1")

    job = await lab.job(lab.store.task(job.task_id), was_resumed=True)
    run = lab.node_run(job, was_resumed=True)
    for text in ("spinning up", "is up"):
        await run.say(text)
    await job.say("no driver", node="n1")

    assert lab.texts(run.task_id) == ["spinning up", "no driver", "is up"]
    assert run.last_seen == "is up"


async def test_patience_calls_again_while_the_backend_is_away_and_says_it_once():
    lab = Lab()
    run = await a_run(lab)
    calls = 0

    async def call():
        nonlocal calls
        calls += 1
        if calls < 4:
            raise DriverTransient("503")
        return calls

    assert await run.patiently(call) == 4
    assert lab.texts(run.task_id) == ["n1: 503; trying again"]


async def test_patience_ends_with_an_error_that_will_not_pass():
    run = await a_run(Lab())

    async def call():
        raise DriverPersistent("denied")

    with pytest.raises(DriverPersistent):
        await run.patiently(call)


async def test_a_resumed_run_has_at_least_time_for_one_look():
    lab = Lab()
    job = await a_job(lab)
    over = moment_after(-5)
    fresh = lab.node_run(job, until=over)
    resumed = lab.node_run(job, until=over, was_resumed=True)

    assert fresh.remaining() < 0
    assert resumed.remaining() == lab.settings.resume_grace
