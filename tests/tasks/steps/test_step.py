"""A step by itself: bodies written for the test, under a running task of the lab."""

import asyncio

import pytest

from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.model import Action, Task, TaskStatus
from drydockd.store.base import Edit
from drydockd.tasks.steps.step import Step, StepPlan
from drydockd.tasks.words import states
from tests.tasks.helpers import Lab, names, site_text
from tests.tasks.steps.test_job import a_job

NOW = "2026-01-31T10:00:00.000000+00:00"


async def running(lab):
    job = await a_job(lab)
    await lab.store.write(Edit(Task, job.task_id, lambda t: states.started(t, NOW)))
    return job


def a_plan(body, *, retries=0, limit=1.0):
    return StepPlan(
        Action.IDENTIFY_NODE, body, "node", limit, waiting_for="the thing", retries=retries
    )


async def run_all(lab, job, plan, names=("n1", "n2")):
    step = Step(lab.parts, job, job.task_id, plan, names)
    await step.remember()
    passed = await asyncio.gather(*(step.run(name) for name in names))
    (record,) = lab.store.subtasks(job.task_id)
    return dict(zip(names, passed, strict=True)), record


async def good(run):
    await run.say("fine")


async def test_nodes_that_pass_are_the_steps_successes():
    lab = Lab()
    passed, step = await run_all(lab, await running(lab), a_plan(good))

    assert passed == {"n1": True, "n2": True}
    assert (step.status, step.result.successes) == ("complete", ("n1", "n2"))
    assert step.scope == ("n1", "n2")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DriverPersistent("credentials refused"), "credentials refused"),
        (RuntimeError("hidden detail"), "identify_node failed unexpectedly (RuntimeError)"),
    ],
)
async def test_whatever_a_body_raises_is_its_nodes_failure_with_a_message(error, words):
    async def bad(run):
        if run.name == "n1":
            raise error

    lab = Lab()
    job = await running(lab)
    passed, step = await run_all(lab, job, a_plan(bad))

    assert passed == {"n1": False, "n2": True}
    assert step.result.failures == ("n1",)
    (text,) = lab.texts(job.task_id, error=True)
    assert words in text
    assert "hidden detail" not in text
    assert all(t.status.is_final for t in lab.tree(job.task_id)[1:])


async def test_a_limit_says_what_was_waited_for_how_long_and_what_was_seen():
    async def endless(run):
        await run.say("half-way")
        await asyncio.Event().wait()

    lab = Lab()
    job = await running(lab)
    _, step = await run_all(lab, job, a_plan(endless, limit=0.02), ("n1",))

    (child,) = lab.store.subtasks(step.task_id)
    assert child.result.message == (
        "n1: identify_node: the thing did not happen within 0.02 s; last seen: half-way"
    )


async def test_only_failed_nodes_are_tried_again_and_only_if_it_may_help():
    calls = []

    async def flaky(run):
        calls.append(run.name)
        if run.name == "n1" and calls.count("n1") < 3:
            raise DriverTransient("try me again")
        if run.name == "n2":
            raise DriverPersistent("never")

    lab = Lab()
    job = await running(lab)
    passed, step = await run_all(lab, job, a_plan(flaky, retries=3))

    assert passed == {"n1": True, "n2": False}
    assert (calls.count("n1"), calls.count("n2")) == (3, 1)
    assert (step.retry, step.result.successes, step.result.failures) == (2, ("n1",), ("n2",))


async def test_nodes_that_come_together_are_registered_together():
    lab = Lab()
    writes = []
    job = await running(lab)
    lab.store.watch(lambda seq, records: writes.append(records))
    await run_all(lab, job, a_plan(good))

    children = [[r for r in w if isinstance(r, Task) and len(r.scope) == 1] for w in writes]
    registrations = [rows for rows in children if any(row.status == "requested" for row in rows)]
    assert len(registrations) <= 1


async def test_a_step_names_who_may_still_come_and_in_the_end_who_came():
    lab = Lab(site_text(3))
    job = await running(lab)
    step = Step(lab.parts, job, job.task_id, a_plan(good), ["n1", "n2", "n3"])
    await step.leave("n1")
    assert await step.run("n3")
    (record,) = lab.store.subtasks(job.task_id)
    assert record.scope == ("n2", "n3")

    await step.leave("n2")

    assert lab.store.task(record.task_id).scope == ("n3",)


async def test_retries_of_many_nodes_change_the_record_of_the_step_once():
    async def bad(run):
        if lab.store.task(run.task_id).retry == 0:
            raise DriverTransient("again")

    lab = Lab(site_text(20))
    job = await running(lab)
    written = []
    lab.store.watch(lambda seq, records: written.extend(records))
    passed, step = await run_all(lab, job, a_plan(bad, retries=1), names(20))

    assert all(passed.values())
    of_the_step = [r.status for r in written if isinstance(r, Task) and r.task_id == step.task_id]
    assert of_the_step == ["running", "running", "complete"]


async def test_a_step_that_nobody_reaches_is_never_registered():
    lab = Lab()
    job = await running(lab)
    step = Step(lab.parts, job, job.task_id, a_plan(good), ["n1"])
    await step.leave("n1")

    assert lab.store.subtasks(job.task_id) == []


async def test_an_unreachable_step_is_collected_when_its_last_node_leaves():
    lab = Lab()
    job = await running(lab)
    step = Step(lab.parts, job, job.task_id, a_plan(good), ["n1", "n2"])
    assert await step.run("n1")
    (record,) = lab.store.subtasks(job.task_id)
    assert record.status == "running"

    await step.leave("n2")

    assert lab.store.task(record.task_id).status == "complete"


async def test_once_the_task_is_to_stop_no_node_begins():
    lab = Lab()
    job = await running(lab)
    job.stop()
    step = Step(lab.parts, job, job.task_id, a_plan(good), ["n1"])

    assert await step.run("n1") is False
    assert lab.store.subtasks(job.task_id) == []


async def test_a_registration_that_meets_the_wish_to_stop_registers_nothing():
    lab = Lab()
    job = await running(lab)
    await lab.store.write(Edit(Task, job.task_id, lambda t: states.asked_to_stop(t, "ops", NOW)))
    step = Step(lab.parts, job, job.task_id, a_plan(good), ["n1"])

    assert await step.run("n1") is False
    assert lab.store.subtasks(job.task_id) == []
    assert lab.parts.slots.waiting == 0


async def test_a_finished_child_is_the_record_that_the_node_did_the_step():
    calls = []

    async def once(run):
        calls.append(run.name)

    lab = Lab()
    job = await running(lab)
    await run_all(lab, job, a_plan(once))
    again = await lab.job(lab.store.task(job.task_id), was_resumed=True)
    passed, step = await run_all(lab, again, a_plan(once))

    assert sorted(calls) == ["n1", "n2"]
    assert passed == {"n1": True, "n2": True}
    assert step.status is TaskStatus.COMPLETE
