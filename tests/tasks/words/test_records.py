from drydockd.model import Action, Caller, TaskStatus
from drydockd.tasks.words import records
from drydockd.tasks.words.requests import TaskRequest

CALLER = Caller(user="ops", external_marker="m", end_user="e")


def test_a_new_task_is_queued_and_remembers_who_asked():
    task = records.top_level(TaskRequest(Action.DEPLOY_NODES, "file:///s", {"x": 1}), CALLER)

    assert (task.status, task.created_by, task.caller) == ("queued", "ops", CALLER)
    assert task.node_filter == {"x": 1}
    assert task.created == task.updated


def test_a_subtask_inherits_design_and_name_and_names_its_nodes():
    parent = records.top_level(TaskRequest(Action.DEPLOY_NODES, "file:///s"), CALLER)

    child = records.subtask(parent, Action.DEPLOY_NODE, ["n1"], retry=2)

    assert (child.created_by, child.design_ref) == ("ops", "file:///s")
    # Who asked says the top-level task alone.
    assert child.caller is None
    assert (child.parent_task_id, child.retry, child.status) == (parent.task_id, 2, "requested")
    assert child.scope == ("n1",)
    assert child.started is None
    assert records.subtask(parent, Action.DEPLOY_NODE, status=TaskStatus.RUNNING).started
