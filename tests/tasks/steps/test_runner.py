import asyncio

import pytest

from drydockd.drivers.base import SiteNote
from drydockd.errors import DriverPersistent
from drydockd.model import Action
from drydockd.tasks.shared.slots import Slots
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.steps.step import StepPlan
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


ONE, TWO = Action.APPLY_NODE_NETWORKING, Action.APPLY_NODE_STORAGE


def plan(action, body):
    return StepPlan(action, body, "node", 1.0, waiting_for="it")


async def test_a_node_goes_on_as_soon_as_it_passed_whatever_the_others_do():
    release, order = asyncio.Event(), []

    async def first(run):
        if run.name == "n1":
            await release.wait()

    async def second(run):
        order.append(run.name)
        release.set()

    lab = Lab()
    job = await running(lab)
    plans = [plan(ONE, first), plan(TWO, second)]
    assert await StepRunner(lab.parts).pipeline(job, plans, job.scope) == [
        "n1",
        "n2",
    ]
    assert order == ["n2", "n1"]


async def test_a_node_that_fails_takes_no_further_step():
    reached = []

    async def first(run):
        if run.name == "n1":
            raise DriverPersistent("no")

    async def second(run):
        reached.append(run.name)

    lab = Lab()
    job = await running(lab)
    plans = [plan(ONE, first), plan(TWO, second)]
    assert await StepRunner(lab.parts).pipeline(job, plans, job.scope) == ["n2"]
    assert reached == ["n2"]
    scopes = [step.scope for step in lab.store.subtasks(job.task_id)]
    assert scopes == [("n1", "n2"), ("n2",)]


async def test_what_was_parsed_of_a_node_goes_when_it_is_through():
    async def body(run):
        run.job.hardware[run.name] = (1, None)

    lab = Lab()
    job = await running(lab)
    assert await StepRunner(lab.parts).pipeline(job, [plan(ONE, body)], job.scope) == ["n1", "n2"]
    assert job.hardware == {}


async def test_no_step_ends_after_the_common_limit():
    async def endless(run):
        await asyncio.Event().wait()

    lab = Lab()
    job = await running(lab)
    soon = "2026-01-01T00:00:00.000000+00:00"
    assert (
        await StepRunner(lab.parts).pipeline(job, [plan(ONE, endless)], ["n1"], not_after=soon)
        == []
    )


STEPS = {
    "prepare_nodes": {
        "existence": "node",
        "prepare_nodes": "",
        "identify_node": "node",
        "set_node_boot": "oob",
        "power_cycle_node": "oob",
        "configure_hardware": "node",
    },
    "deploy_nodes": {
        "apply_node_networking": "node",
        "apply_node_storage": "node",
        "apply_node_platform": "node",
        "deploy_node": "node",
        "bootaction_report": "",
    },
    "destroy_nodes": {"destroy_node": "node"},
    "verify_nodes": {"interrogate_oob": "oob"},
    "relabel_nodes": {"relabel_node": "kubernetes"},
}


@pytest.mark.parametrize("action", STEPS)
async def test_every_step_takes_slots_of_the_driver_it_works_with(action, monkeypatch):
    taken, try_take = {}, Slots.try_take

    def seen(slots, line_id, driver, task_id):
        taken[line_id.split("/")[1]] = driver
        return try_take(slots, line_id, driver, task_id)

    monkeypatch.setattr(Slots, "try_take", seen)
    room = {} if action == "prepare_nodes" else {"initial": "ready"}
    async with Lab(**room) as lab:
        task = await lab.run(action, all_nodes=True)
    assert taken == STEPS[action]
    # The last one tells who passed, should the task end otherwise than its action does.
    assert set(lab.tasks._scheduler._kinds[task.action].steps) <= taken.keys()
    assert lab.tasks._scheduler._kinds[task.action].steps[-1] == list(STEPS[action])[-1]
