from drydockd.model import Action
from drydockd.tasks.steps.branch import branches
from drydockd.tasks.words.outcomes import Outcome
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_step import running


async def test_each_node_gets_a_subtask_and_its_own_end():
    async def work(name, parent_id, not_after):
        return Outcome(passed=name == "n1", text="" if name == "n1" else "nobody knows it")

    lab = Lab()
    job = await running(lab)
    assert await branches(lab.parts, job, job.scope, work, 1.0) == ["n1"]

    first, second = lab.store.subtasks(job.task_id)
    assert (first.scope, first.result.successes) == (("n1",), ("n1",))
    assert (second.scope, second.result.failures) == (("n2",), ("n2",))
    assert first.action is Action.NOOP
    assert first.deadline
    for task_id in (second.task_id, job.task_id):
        assert lab.texts(task_id, error=True) == ["nobody knows it"]


async def test_work_that_breaks_is_its_nodes_failure_only():
    async def work(name, parent_id, not_after):
        if name == "n1":
            raise RuntimeError("hidden")
        return Outcome(passed=True)

    lab = Lab()
    job = await running(lab)
    assert await branches(lab.parts, job, job.scope, work, 1.0) == ["n2"]
    (text,) = lab.texts(job.task_id, error=True)
    assert "failed unexpectedly (RuntimeError)" in text


async def test_no_more_than_the_fan_out_are_at_work_at_once():
    now = most = 0

    async def work(name, parent_id, not_after):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await job.pause(0.002)
        now -= 1
        return Outcome(passed=True)

    lab = Lab()
    lab.with_settings(fan_out=1)
    lab.tasks = lab._new()
    job = await running(lab)
    assert await branches(lab.parts, job, job.scope, work, 1.0) == ["n1", "n2"]
    assert most == 1


async def test_a_stopping_task_begins_no_branch():
    async def work(name, parent_id, not_after):
        raise AssertionError

    lab = Lab()
    job = await running(lab)
    job.stop()
    assert await branches(lab.parts, job, job.scope, work, 1.0) == []
    assert lab.store.subtasks(job.task_id) == []
