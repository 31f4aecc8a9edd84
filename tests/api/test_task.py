import pytest
from pydantic import ValidationError

from drydockd.api.actions import Action
from drydockd.api.states import TaskStatus
from drydockd.api.task import REQUIRES, Purged, Task, TaskRequest, TaskTree
from tests.api.examples import CHILD_ID, TASK, TASK_ID, TREE

ASKED = {"action": "deploy_node", "design_ref": "file:///s", "node_filter": None}


def test_a_request_as_the_original_sends_it():
    request = TaskRequest.model_validate(ASKED)
    assert request.action is Action.DEPLOY_NODES
    assert (request.node_filter, request.all_nodes, request.dry_run) == (None, False, False)


@pytest.mark.parametrize(
    "more",
    [
        {"nodefilter": None},
        {"dry_run": 1},
        {"all_nodes": "true"},
        {"action": "noop"},
        {"action": ["deploy_nodes"]},
        {"design_ref": ""},
        {"node_filter": []},
    ],
)
def test_what_is_no_request(more):
    with pytest.raises(ValidationError):
        TaskRequest.model_validate(ASKED | more)


@pytest.mark.parametrize(
    ("field", "given", "words"),
    [
        ("action", {}, REQUIRES),
        ("action", {"action": "x"}, "Unsupported action x"),
        ("action", {"design_ref": "r"}, "Unsupported action None"),
        ("design_ref", {"action": "x"}, REQUIRES),
        ("design_ref", {"design_ref": 5}, None),
        ("dry_run", {}, None),
    ],
)
def test_the_contracts_words_for_a_refusal(field, given, words):
    assert TaskRequest.refusal(field, given) == words


def test_a_task_is_read_with_types():
    task = Task.model_validate(TASK)
    assert task.status is TaskStatus.COMPLETE
    assert task.result.details.message_list[0].context == "cab01-n08"
    assert task.as_dict() == TASK


def test_a_tree_has_its_tasks_by_id():
    tree = TaskTree.model_validate(TREE)
    assert tree.tasks[TASK_ID] == TASK
    assert tree.tasks[CHILD_ID] is None
    assert tree.subtask_errors[CHILD_ID].task_id == CHILD_ID
    assert tree.as_dict() == TREE


def test_what_was_purged():
    counts = {"message": "m", "tasks": 1, "messages": 2, "boot_actions": 3}
    assert Purged.model_validate(counts).messages == 2
