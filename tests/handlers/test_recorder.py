"""The check that every answer of these tests goes through; without it they would prove less."""

import json

import pytest
from pydantic import ValidationError

from drydockd.api.task import Task
from drydockd.handlers import all_routes
from tests.api.examples import TASK
from tests.handlers.answers import check, model, strays
from tests.handlers.helpers import V1


def test_an_answer_as_its_model_says_passes():
    check(Task, json.dumps(TASK).encode(), "")


@pytest.mark.parametrize("key", ["surprise", "retryOf"])
def test_a_key_the_model_does_not_have_fails(key):
    with pytest.raises(AssertionError):
        check(list[Task], json.dumps([TASK | {key: None}]).encode(), "")


def test_a_stray_key_deep_inside_fails():
    result = TASK["result"] | {"links": [{"rel": "r", "href": "h", "title": "t"}]}
    stray = strays(Task.model_validate(TASK | {"result": result}))
    assert list(stray) == [".result.links[0].title"]


def test_a_missing_key_fails():
    with pytest.raises(ValidationError, match="updated"):
        check(Task, json.dumps({k: v for k, v in TASK.items() if k != "updated"}).encode(), "")


def test_an_answer_nobody_named_fails():
    with pytest.raises(AssertionError, match="names no such answer"):
        model("GET", f"{V1}/tasks".encode(), 202)


def test_every_method_that_can_succeed_names_its_answer():
    retired = f"{V1}/designs"
    silent = [
        (method, route.pattern)
        for route in all_routes(1, 1).all
        for method in route.handler.policy
        if not any(m == method and status < 300 for m, status in route.handler.answers)
        and not route.pattern.startswith(retired)
    ]
    assert silent == []
