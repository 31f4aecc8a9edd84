import asyncio
from dataclasses import replace

import pytest

from drydockd.model import Action
from drydockd.store.base import Put
from drydockd.tasks.words import records
from drydockd.tasks.words.requests import TaskRequest
from drydockd.tasks.words.stops import Terminated
from tests.tasks.helpers import OPS, SITE, Lab


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
