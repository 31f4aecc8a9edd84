import itertools

import pytest

from drydockd.errors import Conflict
from drydockd.model import Action, Result, ResultStatus, Task, TaskStatus
from drydockd.tasks.words import states
from drydockd.tasks.words.results import TERMINATED, success

NOW = "2026-01-31T10:00:00.000000+00:00"
ALLOWED = {
    ("requested", "queued"),
    ("requested", "running"),
    ("requested", "terminated"),
    ("queued", "running"),
    ("queued", "terminated"),
    ("running", "complete"),
    ("running", "terminating"),
    ("terminating", "terminated"),
}


def a_task(status, **fields):
    return Task("t1", Action.DEPLOY_NODES, status=TaskStatus(status), **fields)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(TaskStatus, repeat=2)))
def test_only_the_transitions_of_the_contract_exist(old, new):
    if (old.value, new.value) in ALLOWED:
        assert states.moved(a_task(old), new).status is new
    else:
        with pytest.raises(Conflict, match=f"is {old} and cannot become {new}"):
            states.moved(a_task(old), new)


def test_a_started_task_knows_since_when_and_until_when():
    task = states.started(a_task("queued"), NOW, "later")

    assert (task.status, task.started, task.deadline) == ("running", NOW, "later")


@pytest.mark.parametrize("status", ["requested", "queued", "running"])
def test_an_unstopped_task_ends_complete_whatever_its_result(status):
    task = states.ended(a_task(status), Result(ResultStatus.FAILURE), NOW)

    assert (task.status, task.result.status) == ("complete", "failure")


@pytest.mark.parametrize("status", ["requested", "queued", "running", "terminating"])
def test_a_stopped_task_ends_terminated(status):
    task = states.ended(a_task(status, terminate=True), Result(ResultStatus.FAILURE), NOW)

    assert (task.status, task.terminated) == ("terminated", NOW)


@pytest.mark.parametrize("status", ["complete", "terminated"])
def test_an_ended_task_neither_ends_again_nor_stops_nor_starts(status):
    task = a_task(status)
    for change in (
        lambda: states.ended(task, success(Result()), NOW),
        lambda: states.asked_to_stop(task, "ops", NOW),
        lambda: states.started(task, NOW),
        lambda: states.taking_subtasks(task),
    ):
        with pytest.raises(Conflict):
            change()


def test_a_queued_task_asked_to_stop_ends_at_once_with_all_its_nodes_failed():
    task = states.asked_to_stop(a_task("queued", scope=("n1", "n2")), "ops", NOW)

    assert (task.status, task.terminated_by, task.result.message) == (
        "terminated",
        "ops",
        TERMINATED,
    )
    assert (task.result.status, task.result.failures) == ("failure", ("n1", "n2"))


def test_a_running_task_asked_to_stop_is_terminating_and_asking_again_changes_nothing():
    task = states.asked_to_stop(a_task("running"), "ops", NOW)

    assert (task.status, task.terminate) == ("terminating", True)
    assert states.asked_to_stop(task, "someone else", "later") is task


def test_a_task_that_is_to_stop_takes_no_new_subtask():
    task = a_task("running")
    assert states.taking_subtasks(task) is task

    with pytest.raises(Conflict):
        states.taking_subtasks(states.asked_to_stop(task, "ops", NOW))


def test_a_run_cut_by_its_roots_end_is_terminated_even_if_the_wish_has_not_reached_it():
    task = states.ended(a_task("running"), Result(ResultStatus.FAILURE), NOW, was_cut=True)

    assert (task.status, task.terminate) == ("terminated", True)
