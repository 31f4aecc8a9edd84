import pytest

from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.tasks.words.times import moment_after
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_job import a_job


async def a_run(lab, **options):
    job = await a_job(lab)
    return lab.node_run(job, **options)


async def test_what_a_driver_says_is_a_message_on_the_node_and_the_last_thing_seen():
    lab = Lab()
    run = await a_run(lab)
    await run.say("spinning up")

    (message,) = lab.store.messages(run.task_id)
    assert (message.message, message.context_type, message.context) == ("spinning up", "node", "n1")
    assert run.last_seen == "spinning up"


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
