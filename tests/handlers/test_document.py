"""The API document: everything that is served is in it, as it is, and nothing else."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path
from typing import ClassVar

import openapi_spec_validator
import pytest
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

import drydockd
from drydockd import handlers
from drydockd.api.actions import CALLED
from drydockd.api.base import Answer
from drydockd.api.error import Error
from drydockd.auth.rules import NAMES
from drydockd.handlers import V1, all_routes
from drydockd.handlers.base import NODE_KEY, OPEN, BaseHandler
from drydockd.handlers.document import document, operations
from drydockd.handlers.openapi import described
from drydockd.handlers.routing import Route
from tests.handlers.answers import check

ROUTES = all_routes(1, 1).all
DOCUMENT = described()
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


class Shape(Answer):
    """What is drawn. Source: nowhere."""

    corners: int


class ShapesHandler(BaseHandler):
    policy: ClassVar = {"GET": "read_data", "POST": OPEN}
    names: ClassVar = {"GET": "get_shape", "POST": "make_shape"}
    about: ClassVar = {"GET": "a [shape](x.md)", "POST": "one more"}
    answers: ClassVar = {("GET", 200): Shape, ("POST", 201): Shape}


def made(*patterns):
    return document([Route(pattern, ShapesHandler) for pattern in patterns])


def of(name):
    [found] = [one for _, _, one in OPERATIONS if one["operationId"] == name]
    return found


def names(operation):
    return [p.get("name") or p["$ref"].rpartition("/")[2] for p in operation.get("parameters", ())]


def test_every_route_and_method_has_an_operation_and_there_is_no_other():
    served = {(route.pattern, m.lower()) for route in ROUTES for m in route.handler.policy}
    assert {(path, method) for path, method, _ in OPERATIONS} == served


def test_it_is_an_openapi_document():
    openapi_spec_validator.validate(DOCUMENT)


def test_the_validator_would_see_a_mistake():
    wrong = json.loads(json.dumps(DOCUMENT))
    del wrong["paths"]["/versions"]["get"]["responses"]["200"]["description"]
    with pytest.raises(OpenAPIValidationError, match="description"):
        openapi_spec_validator.validate(wrong)


def test_operations_have_names_of_their_own():
    found = [one["operationId"] for _, _, one in OPERATIONS]
    assert len(found) == len(set(found))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in found)


def test_a_second_path_of_a_handler_gets_a_name_and_says_that_it_is_one():
    found = made("/shapes/{id}", "/forms/{id}", "/shapes/{id}/{side}")["paths"]
    asked = {path: methods["get"] for path, methods in found.items()}
    told = {path: (one["operationId"], one.get("deprecated")) for path, one in asked.items()}
    assert told == {
        "/shapes/{id}": ("get_shape", None),
        "/forms/{id}": ("get_shape_twin", True),
        "/shapes/{id}/{side}": ("get_shape_side", None),
    }


def test_the_twins_of_the_originals_code_and_what_is_gone_are_deprecated():
    found = {path for path, _, one in OPERATIONS if one.get("deprecated")}
    assert found == {
        f"{V1}/bootactions/nodes/{{host}}/units",
        f"{V1}/bootactions/nodes/{{host}}/files",
        f"{V1}/bootactions/{{action_id}}",
        *(route.pattern for route in ROUTES if route.pattern.startswith(f"{V1}/designs")),
    }


@pytest.mark.parametrize("one", operations(ROUTES), ids=lambda one: one.name)
def test_who_may_is_said_as_the_policy_says(one):
    said = DOCUMENT["paths"][one.route.pattern][one.method.lower()]
    asked = {name for way in said["security"] for name in way}
    if one.rule == OPEN:
        assert (asked, said.get("x-policy")) == (set(), None)
    elif one.rule == NODE_KEY:
        assert (asked, said.get("x-policy")) == ({"bootKey"}, None)
    else:
        assert asked == {"token", "serviceToken"}
        assert said["x-policy"] in NAMES
    assert ("401" in said["responses"]) == ("403" in said["responses"]) == bool(asked)


def test_the_keys_are_where_the_daemon_looks_for_them():
    found = {name: s["name"] for name, s in DOCUMENT["components"]["securitySchemes"].items()}
    assert found == {
        "token": "X-Auth-Token",
        "serviceToken": "X-Service-Token",
        "bootKey": "X-Bootaction-Key",
    }


def test_the_variables_of_a_path_are_its_parameters():
    for path, _, operation in OPERATIONS:
        found = [p["name"] for p in operation.get("parameters", ()) if p.get("in") == "path"]
        assert found == re.findall(r"\{(\w+)\}", path)


def test_the_parameters_of_the_query_are_those_of_the_handler_and_the_headers_for_them():
    assert names(of("get_task_events")) == [
        "task_id",
        "last_event_id",
        "Last-Event-ID",
        "X-Context-Marker",
        "X-End-User",
    ]
    limit = next(p for p in of("get_tasks")["parameters"] if p.get("name") == "limit")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100_000}


def test_refusals_come_by_rule():
    assert set(of("get_versions")["responses"]) == {"200", "413", "421", "431", "500", "503"}
    assert {"400", "401", "403", "404", "409", "429"} <= set(of("terminate_task")["responses"])
    assert "404" not in of("get_tasks")["responses"]


def test_every_error_is_the_one_body_and_its_example_is_one():
    error = {"$ref": "#/components/schemas/Error"}
    for name, said in DOCUMENT["components"]["responses"].items():
        json_body = said["content"]["application/json"]
        assert json_body["schema"] == error
        check(error, json.dumps(json_body["example"]).encode(), name)


# What contract, api, section 1.1 and 7 show.
CONTRACT = [
    {"type": "error", "message": "Task 6f0c... does not exist", "retry": False},
    {
        "type": "error",
        "message": "x",
        "retry": False,
        "title": "409 Conflict",
        "description": "Action 01J... status finalized, not available for update.",
    },
    {
        "type": "error",
        "message": "Unauthenticated",
        "retry": False,
        "title": "Unauthorized",
        "description": "No X-Bootaction-Key",
    },
]


@pytest.mark.parametrize("body", CONTRACT)
def test_every_error_of_the_contract_is_one_by_the_document(body):
    check({"$ref": "#/components/schemas/Error"}, json.dumps(body).encode(), "")
    Error.model_validate(body)


def test_a_body_is_that_of_the_model_that_the_handler_parses():
    assert of("retry_task")["requestBody"]["required"] is False
    asked = of("create_task")["requestBody"]
    assert asked["required"] is True
    assert asked["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/TaskRequest"
    }
    schema = DOCUMENT["components"]["schemas"]["TaskRequest"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["action"]["enum"] == list(CALLED)


def parsed_by(handler):
    """Method -> the models that its code parses, by reading it; `parse`, `parsed`, `no_body`."""
    found = {}
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(handler)))
    space = vars(inspect.getmodule(handler))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("parse", "parsed") and isinstance(node.args[0], ast.Name):
                found[space[node.args[0].id]] = True
            elif node.func.attr == "no_body":
                found[space["Request"]] = True
    return set(found)


def test_a_handler_names_every_model_that_it_parses():
    for route in ROUTES:
        assert parsed_by(route.handler) == set(route.handler.bodies.values()), route.pattern


def test_a_handler_that_parses_is_seen():
    from drydockd.handlers.tasks import TaskBody, TasksHandler

    assert parsed_by(TasksHandler) == {TaskBody}


def test_no_code_of_the_handlers_parses_where_nobody_looks():
    # What `parsed_by` reads is in the classes of routes; anything else would not be seen.
    calls = {
        path.name
        for path in Path(handlers.__file__).parent.glob("*.py")
        if re.search(r"\.(parse|parsed)\([A-Z]|\.no_body\(", path.read_text(encoding="utf-8"))
    }
    of_routes = {Path(inspect.getfile(route.handler)).name for route in ROUTES}
    assert calls - {"base.py"} <= of_routes


def test_answers_that_are_no_json_say_their_type():
    assert set(of("get_metrics")["responses"]["200"]["content"]) == {"text/plain"}
    assert set(of("get_boot_units")["responses"]["200"]["content"]) == {"application/gzip"}
    assert "content" not in of("get_health")["responses"]["204"]
    stream = of("get_task_events")["responses"]["200"]["content"]["text/event-stream"]
    assert set(stream["x-events"]) == {"state", "node", "message"}
    schema = DOCUMENT["components"]["schemas"]["MessageEvent"]
    assert schema["properties"]["seq"] == {"type": "integer"}


def test_what_was_made_says_where_it_is_and_what_can_be_asked_of_it():
    created = of("create_task")["responses"]["201"]
    assert created["headers"].keys() == {"X-Drydock-Req", "Location", "Drydock-Stale"}
    assert created["links"]["terminate_task"] == {
        "operationId": "terminate_task",
        "parameters": {"task_id": "$response.body#/task_id"},
    }
    assert "get_node" in of("get_nodes")["responses"]["200"]["links"]


def test_readers_are_told_that_a_later_version_may_say_more():
    assert DOCUMENT["components"]["schemas"]["Task"]["additionalProperties"] is True


def test_a_models_words_come_along_and_its_fields_have_no_titles():
    schema = made("/shapes")["components"]["schemas"]["Shape"]
    assert schema["description"] == "What is drawn."
    assert schema["properties"] == {"corners": {"type": "integer"}}


def test_a_line_of_markdown_may_be_kept_as_it_is():
    said = document([Route("/shapes", ShapesHandler)], str)
    assert said["paths"]["/shapes"]["get"]["summary"] == "a [shape](x.md)"
    assert made("/shapes")["paths"]["/shapes"]["get"]["summary"] == "a shape"


def test_every_reference_leads_somewhere():
    for place in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))):
        found = DOCUMENT
        for step in place.split("/"):
            found = found[step]


def test_the_document_says_of_which_version_it_is():
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert DOCUMENT["info"]["version"] == drydockd.__version__
