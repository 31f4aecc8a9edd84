"""The check that every answer of these tests goes through; without it they would prove less."""

import json

import httpx
import pytest

from drydockd.handlers import all_routes
from drydockd.handlers.refusals import error_body
from tests.api.examples import TASK
from tests.handlers.answers import CHECKED, DOCUMENT, answer, check, recorded
from tests.handlers.helpers import V1, daemon

TASKS = {"type": "array", "items": {"$ref": "#/components/schemas/Task"}}
ID = "0b6c1c1e-58a2-4d0b-9a2a-1c5d1f0e7a11"
REFUSED = error_body("no", title="t", description="d")


def answered(status, content=b"", kind="application/json", *, path="/tasks", **headers):
    """An answer to GET `path` as it might come; `headers` by their names with low lines."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Content-Type": kind, "X-Drydock-Req": ID} | named
    return httpx.Response(
        status,
        headers={name: value for name, value in sent.items() if value},
        content=content,
        request=httpx.Request("GET", f"http://test{V1}{path}"),
    )


def test_an_answer_as_its_model_says_passes():
    check(TASKS, json.dumps([TASK]).encode(), "")


@pytest.mark.parametrize("key", ["surprise", "retryOf"])
def test_a_key_the_model_does_not_have_fails(key):
    with pytest.raises(AssertionError, match=key):
        check(TASKS, json.dumps([TASK | {key: None}]).encode(), "")


def test_a_stray_key_deep_inside_fails():
    result = TASK["result"] | {"links": [{"rel": "r", "href": "h", "title": "t"}]}
    with pytest.raises(AssertionError, match=r"\$\[0\]\.result\.links\[0\].*title"):
        check(TASKS, json.dumps([TASK | {"result": result}]).encode(), "")


def test_a_missing_key_fails():
    bare = {key: value for key, value in TASK.items() if key != "updated"}
    with pytest.raises(AssertionError, match="updated"):
        check(TASKS, json.dumps([bare]).encode(), "")


def test_a_number_in_the_place_of_text_fails():
    with pytest.raises(AssertionError, match="task_id"):
        check(TASKS, json.dumps([TASK | {"task_id": 5}]).encode(), "")


def test_a_status_that_is_not_listed_fails():
    with pytest.raises(AssertionError, match="does not list"):
        answer("GET", f"{V1}/tasks".encode(), 202)


def test_a_success_of_what_is_not_in_the_document_fails():
    with pytest.raises(AssertionError, match="in no document"):
        answer("PUT", f"{V1}/tasks".encode(), 200)


@pytest.mark.parametrize(
    ("response", "what"),
    [
        (answered(200, b"[]", "text/html"), "text/html"),
        (answered(200, b"[]", ""), "None"),
        (answered(204, b"", "application/json", path="/health"), "application/json"),
        (answered(200, b"[]", X_Drydock_Req=""), "X-Drydock-Req"),
        (answered(200, b"[]", X_Drydock_Req="7"), "X-Drydock-Req"),
        (answered(429, REFUSED, Retry_After="-1"), "Retry-After"),
        (answered(200, b"{}"), "array"),
        (answered(403, b"{}"), "message"),
        (answered(404, error_body("no such task")), "does not list"),
        (answered(405, REFUSED), "does not list"),
        (answered(422, REFUSED, path="/nowhere"), "in no document"),
    ],
)
async def test_an_answer_that_is_not_as_the_document_says_fails(response, what):
    with pytest.raises(AssertionError, match=what):
        await recorded(response)


@pytest.mark.parametrize(
    "response",
    [
        answered(200, b"[]"),
        answered(429, REFUSED, Retry_After="5"),
        answered(204, b"", "", path="/health"),
        answered(404, error_body("Not Found", title="404 Not Found", description="Not Found")),
        answered(
            200, b"\x1f\x8b", "application/gzip", path="/bootdata/a/units", Content_Disposition="x"
        ),
        answered(200, b": x\n\n", "text/event-stream", path=f"/tasks/{ID}/events"),
    ],
)
async def test_an_answer_that_is_passes(response):
    await recorded(response)


async def test_the_client_of_these_tests_goes_through_it(tmp_path):
    before = CHECKED.total()
    async with daemon(tmp_path) as running:
        assert (await running.get(f"{V1}/tasks")).status_code == 200
        assert (await running.http.head("/versions")).status_code == 200
    assert CHECKED.total() == before + 2


def test_no_answer_may_have_more_than_the_document_names():
    is_open = [
        name
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if "properties" in schema and schema.get("additionalProperties") in (True, None)
    ]
    assert is_open == []


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
