import asyncio
from dataclasses import replace

import pytest

from drydockd.errors import DriverUnsupported
from drydockd.model import Action
from drydockd.store.base import Put
from drydockd.tasks.steps.job import Job, NoDriver, Terminated
from drydockd.tasks.words import records
from drydockd.tasks.words.requests import TaskRequest
from tests.tasks.helpers import OPS, SITE, Lab


async def a_job(lab, **fields):
    task = records.top_level(TaskRequest(Action.NOOP, SITE), OPS)
    task = replace(task, scope=("n1", "n2"), **fields)
    await lab.store.write(Put(task))
    return Job(lab.tasks.core, task, await lab.designs.load(SITE))


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


async def test_missing_drivers_are_named():
    lab = Lab()
    lab.tasks.core.drivers = replace(lab.drivers, oob=[], node=None)
    job = await a_job(lab)
    with pytest.raises(NoDriver) as found:
        job.node_driver()
    assert found.value.kind == "Node"
    with pytest.raises(DriverUnsupported, match="Node n1 OOB type ipmi is not supported"):
        job.oob_driver(job.node("n1"))


async def test_the_limit_of_an_oob_step_is_never_below_the_drivers_worst_case():
    lab = Lab()
    job = await a_job(lab)
    driver = lab.drivers.oob[0]
    driver.worst_case_seconds = 0.2
    assert job.oob_limit(driver) == lab.settings.drydock_timeout
    driver.worst_case_seconds = 360
    assert job.oob_limit(driver) == 360 + lab.settings.driver_margin


async def test_the_outcome_partitions_the_scope_in_order():
    job = await a_job(Lab())
    result = job.outcome(["n2"])
    assert (result.successes, result.failures) == (("n2",), ("n1",))
