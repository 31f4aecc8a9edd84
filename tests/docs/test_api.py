"""The API document and the page from it are those of the routes; nothing was broken unsaid."""

import copy
import json

import pytest

from drydockd.handlers.openapi import described
from tests.docs import api
from tests.docs.breaking import breaks, fields, unsaid
from tests.docs.pages import ROOT

# As it was in the last release: whoever makes one copies docs/openapi.json over it.
RELEASED = ROOT / "tests" / "data" / "openapi-released.json"
TASKS = "/api/v1.0/tasks"


@pytest.fixture(scope="module")
def now():
    return described()


@pytest.fixture
def before(now):
    return copy.deepcopy(now)


def told(before, now):
    return {(one.what, one.how) for one in breaks(before, now)}


def test_the_document_that_is_shipped_is_that_of_the_routes():
    shipped = api.DOCUMENT.read_text(encoding="utf-8")
    assert shipped == api.text(), "write it anew: python -m tests.docs"


def test_the_page_is_that_of_the_document():
    shipped = api.PAGE.read_text(encoding="utf-8")
    assert shipped == api.page(), "write it anew: python -m tests.docs"


def test_nothing_of_the_last_release_is_gone_without_a_line_of_the_changelog(now):
    released = json.loads(RELEASED.read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    wrong = unsaid(breaks(released, now), changelog)
    assert not wrong, "name it in the newest part of CHANGELOG.md:\n" + "\n".join(wrong)


def test_what_stays_breaks_nothing(before, now):
    assert told(before, now) == set()


def test_a_path_or_method_that_is_gone_is_seen(before, now):
    before["paths"]["/old"] = {"get": {"responses": {}}}
    before["paths"]["/versions"]["put"] = {"responses": {}}
    assert told(before, now) == {("GET /old", "is gone"), ("PUT /versions", "is gone")}


def test_a_key_that_a_body_must_have_now_is_seen(before, now):
    before["components"]["schemas"]["TaskRequest"]["required"] = ["action"]
    del before["components"]["schemas"]["NodeFilterRequest"]["properties"]["design_ref"]
    assert told(before, now) == {("design_ref", "is required")}


def test_a_key_that_is_no_longer_taken_is_seen(before, now):
    before["components"]["schemas"]["TaskRequest"]["properties"]["force"] = {"type": "boolean"}
    assert told(before, now) == {("force", "is no longer taken")}


def test_a_key_that_is_gone_deep_inside_an_answer_is_seen(before, now):
    before["components"]["schemas"]["Message"]["properties"]["level"] = {"type": "string"}
    found = {what for what, how in told(before, now) if how == "is no longer there"}
    assert "result.details.messageList.level" in found
    assert "*.result.details.messageList.level" in found


def test_a_parameter_or_status_that_is_gone_is_seen(before, now):
    listed = before["paths"][TASKS]["get"]
    listed["parameters"].append({"name": "colour", "in": "query", "schema": {}})
    listed["responses"]["206"] = {"description": "some"}
    assert told(before, now) == {
        ("colour", "is no longer taken"),
        ("206", "is no longer answered"),
    }


def test_what_is_new_breaks_nothing(before, now):
    del before["paths"]["/versions"]
    del before["components"]["schemas"]["TaskRequest"]["properties"]["dry_run"]
    del before["components"]["schemas"]["Task"]["properties"]["retry_of"]
    assert told(before, now) == set()


def test_fields_are_named_with_what_they_are_in(now):
    found = fields(now, {"$ref": "#/components/schemas/BootActionReport"})
    assert found == {
        "status": False,
        "details": False,
        "details.message": True,
        "details.error": True,
    }


def test_a_line_of_the_newest_part_makes_it_said(before, now):
    before["paths"]["/old"] = {"get": {"responses": {}}}
    said = "# Changes\n\n## Unreleased\n\n- **Breaking:** `GET /old` is gone.\n\n## 0.1.0\n"
    earlier = "# Changes\n\n## Unreleased\n\n- Nothing.\n\n## 0.1.0\n\n- `GET /old` is gone.\n"
    assert unsaid(breaks(before, now), said) == []
    assert unsaid(breaks(before, now), earlier) == ["GET /old: `GET /old` is gone"]
