from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from drydockd.api.base import Request
from drydockd.api.task import Task
from tests.api.examples import TASK

NEWER = TASK | {"priority": 5}


@pytest.fixture
def task():
    return Task.model_validate(NEWER)


def test_an_answer_reads_like_the_mapping_the_original_returned(task):
    assert isinstance(task, Mapping)
    assert task["result"]["details"]["errorCount"] == 1
    assert task.get("result", {}).get("successes") == ["cab01-n07"]
    assert dict(task).keys() == NEWER.keys()
    assert list(task) == list(NEWER)
    assert [value for _, value in task.items()] == list(task.values())
    assert task == NEWER
    assert task == Task.model_validate(NEWER)
    assert task != 5
    assert len(task) == len(NEWER)


def test_a_key_that_did_not_come_is_no_key(task):
    assert "build_data" not in task
    assert task.get("build_data") is None
    assert task.build_data == []
    for key in ("build_data", "no-such-key", "api_version"):
        with pytest.raises(KeyError):
            task[key]


def test_a_key_of_a_newer_server_is_kept(task):
    assert task["priority"] == 5
    assert "priority" in task
    assert task.as_dict() == NEWER


def test_an_answer_does_not_change(task):
    with pytest.raises(ValidationError):
        task.status = "running"


def test_a_request_has_only_its_own_keys():
    with pytest.raises(ValidationError):
        Request.model_validate({"x": 1})
    assert Request.refusal("x", {}) is None
