"""The API document in words."""

import pytest

from drydockd.handlers.openapi import described
from drydockd.web.outline import kind, outline

DOCUMENT = described()


def said(schema):
    return "".join(f"`{w.text}`" if w.is_code or w.schema else w.text for w in kind(schema))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "uuid"}, "a UUID"),
        ({"type": "string", "maxLength": 9}, "text of at most 9 characters"),
        ({"type": "string", "minLength": 1}, "text, not empty"),
        ({"type": "string", "pattern": "^a$"}, "text like ^a$"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "a whole number, 1 to 9"),
        ({"type": "integer", "minimum": 0}, "a whole number, 0 or more"),
        ({"enum": ["a", "", "c"]}, '`a`, `""` or `c`'),
        ({"const": "Task"}, "`Task`"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Task"}}, "a list of `Task`"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "a map of names to text"),
        ({"type": "object"}, "an object"),
        ({"type": "object", "additionalProperties": False}, "an object without keys"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "true or false or null"),
        ({}, "anything"),
    ],
)
def test_a_type_is_said_in_words(schema, words):
    assert said(schema) == words


def test_every_operation_and_schema_is_in_it_once():
    found = outline(DOCUMENT)
    names = [one.name for group in found.groups for one in group.operations]
    asked = [o["operationId"] for methods in DOCUMENT["paths"].values() for o in methods.values()]
    assert sorted(names) == sorted(asked)
    assert [one.name for one in found.schemas] == list(DOCUMENT["components"]["schemas"])


def test_an_operation_says_who_may_what_it_takes_and_what_comes():
    [one] = [o for g in outline(DOCUMENT).groups for o in g.operations if o.name == "create_task"]
    assert (one.who, one.rule) == ("a token", "physical_provisioner:create_task")
    assert [word.schema for word in one.body] == ["TaskRequest"]
    assert [row.name for row in one.answers] == ["200", "201"]
    assert "403" in {row.name for row in one.refusals}


def test_headers_of_all_are_said_once():
    found = outline(DOCUMENT)
    assert [row.name for row in found.headers] == ["X-Context-Marker", "X-End-User"]
    assert not any(
        row.name == "X-End-User" for g in found.groups for o in g.operations for row in o.parameters
    )


def test_keys_that_may_have_any_name_have_a_row():
    [tree] = [one for one in outline(DOCUMENT).schemas if one.name == "TaskTree"]
    assert [row.name for row in tree.keys] == ["init_task_id", "subtask_errors", "any other"]


def test_the_events_of_a_stream_are_named():
    found = [one for group in outline(DOCUMENT).groups for one in group.operations]
    [answer] = next(one for one in found if one.name == "get_task_events").answers
    named = [word.schema for word in answer.kind if word.schema]
    assert named == ["StateEvent", "NodeEvent", "MessageEvent"]
