from drydockd.model import Action, Task, TaskStatus
from drydockd.store.base import Edit, Put
from drydockd.tasks.shared import endings
from drydockd.tasks.words import records, results, states
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_step import NOW, running


async def with_open_subtask(lab, job, *, step=Action.VERIFY_NODES, passed=()):
    """Add a step that is still running, with a child for n1 that has ended."""
    parent = lab.store.task(job.task_id)
    sub = records.subtask(parent, step, ["n1", "n2"], status=TaskStatus.RUNNING)
    child = records.subtask(sub, step, ["n1"], status=TaskStatus.RUNNING)
    await lab.store.write(
        Put(sub),
        Put(child),
    )
    result = results.partition(("n1",), passed)
    await lab.store.write(Edit(Task, child.task_id, lambda t: states.ended(t, result, NOW)))
    return sub.task_id


async def test_nothing_of_the_tree_stays_open():
    lab = Lab()
    job = await running(lab)
    step_id = await with_open_subtask(lab, job)

    await endings.end(lab.parts.recorder, job.task_id, job.outcome(job.scope))

    step = lab.store.task(step_id)
    assert (step.status, step.result.status, step.result.message) == (
        "complete",
        "failure",
        endings.LEFT_OPEN,
    )
    assert lab.store.task(job.task_id).result.successes == ("n1", "n2")


async def test_a_task_that_was_to_stop_ends_terminated_whatever_its_action_says():
    lab = Lab()
    job = await running(lab)
    await lab.store.write(Edit(Task, job.task_id, lambda t: states.asked_to_stop(t, "ops", NOW)))

    await endings.end(lab.parts.recorder, job.task_id, job.outcome(["n1"]))

    task = lab.store.task(job.task_id)
    assert (task.status, task.result.status, task.result.message) == (
        "terminated",
        "failure",
        "Action terminated.",
    )
    assert (task.result.successes, task.result.failures) == (("n1",), ("n2",))


async def test_a_failure_says_why_and_keeps_nodes_that_passed_the_last_step():
    lab = Lab()
    task = Task(
        "t1",
        Action.DESTROY_NODES,
        status=TaskStatus.RUNNING,
        scope=("n1", "n2"),
        created=NOW,
    )
    await lab.store.write(Put(task))

    class Job:
        task_id = "t1"

    await with_open_subtask(lab, Job, step=Action.DESTROY_NODE, passed=("n1",))

    await endings.fail(
        lab.parts.recorder,
        "t1",
        "the driver is gone",
        steps=["destroy_node"],
        reason="Bad Configuration.",
    )

    ended = lab.store.task("t1")
    assert (ended.status, ended.result.status) == ("complete", "failure")
    assert (ended.result.successes, ended.result.failures) == (("n1",), ("n2",))
    assert (ended.result.message, ended.result.reason) == (
        "the driver is gone",
        "Bad Configuration.",
    )
    assert lab.texts("t1", error=True) == ["the driver is gone"]
