import asyncio
import re
import time
import uuid
from typing import ClassVar

import httpx
import pytest

from drydockd import errors
from drydockd.handlers import all_routes
from drydockd.handlers.base import BaseHandler, missing_policies
from drydockd.handlers.tasks import TasksHandler
from tests.handlers.helpers import JSON, REF, V1, daemon, raw

PATHS = [
    route.pattern.format(
        task_id="3b3cf5f2-8c0a-4c4b-9d0e-6f2a1f6f0e55",
        host="n1",
        action_id="0" * 26,
        design_id="d",
        kind="k",
        name="n",
    )
    for route in all_routes(1024, 1024).all
    # That stream would have no end; its own tests and the matrix knock there.
    if route.pattern != f"{V1}/events"
]
POST = b"POST /api/v1.0/tasks HTTP/1.1\r\nHost: x\r\n"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW")


def test_every_method_has_a_policy_and_every_policy_a_method():
    assert missing_policies(route.handler for route in all_routes(1, 1).all) == []


def test_a_method_without_a_policy_is_found():
    class Careless(BaseHandler):
        def get(self) -> None:
            self.reply({})

    assert missing_policies([Careless]) == ["Careless.get"]


def test_a_policy_without_a_method_is_found():
    class Hasty(BaseHandler):
        policy: ClassVar = {"POST": "create_task"}

    assert missing_policies([Hasty]) == ["Hasty.post"]


async def test_a_method_without_a_policy_is_refused_whoever_asks(drydock, monkeypatch):
    monkeypatch.setattr(TasksHandler, "policy", {"GET": "read_task"})
    body = {"action": "validate_design", "design_ref": REF}
    for headers in ({}, drydock.admin):
        # Past the check of answers: a 405 of what is in the API document.
        async with httpx.AsyncClient(base_url=drydock.app.url) as http:
            answer = await http.post(f"{V1}/tasks", headers=headers, json=body)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert drydock.app.services.store.tasks() == []


@pytest.mark.parametrize("path", [*PATHS, "/", "/nowhere", f"{V1}/nowhere", f"{V1}/tasks/a/b/c"])
async def test_every_answer_has_a_request_id_of_its_own(drydock, path):
    seen = set()
    for method in METHODS:
        for headers in ({}, drydock.admin):
            answer = await drydock.http.request(
                method, path, headers=headers | {"X-Drydock-Req": "mine"}
            )
            seen.add(str(uuid.UUID(answer.headers["X-Drydock-Req"], version=4)))
            if answer.content and answer.headers["Content-Type"] == "application/json":
                assert answer.json() is not None
    assert len(seen) == 2 * len(METHODS)


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/api", "/api/v1.0", "/api/v2.0/tasks", "/Versions"]
)
async def test_an_unknown_path_answers_json(drydock, path):
    for method in ("GET", "POST", "DELETE"):
        answer = await drydock.http.request(method, path)
        assert answer.status_code == 404
        assert answer.json() == {
            "type": "error",
            "message": "Not Found",
            "retry": False,
            "title": "404 Not Found",
            "description": "Not Found",
        }


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (f"{V1}/tasks", "DELETE, GET, HEAD, OPTIONS, POST"),
        (f"{V1}/tasks/x", "GET, HEAD, OPTIONS"),
        (f"{V1}/bootaction/x", "OPTIONS, POST"),
        ("/versions", "GET, HEAD, OPTIONS"),
    ],
)
async def test_another_method_is_405_with_the_sorted_list(drydock, path, allow):
    for method in ("PUT", "PATCH", "BREW"):
        answer = await drydock.http.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == allow
        assert answer.json()["title"] == "405 Method Not Allowed"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("slash", ["", "/"])
async def test_options_needs_no_identity_and_names_the_methods(drydock, path, slash):
    answer = await drydock.http.options(path + slash)
    assert (answer.status_code, answer.content) == (200, b"")
    allowed = answer.headers["Allow"].split(",")
    assert allowed[-1] == "OPTIONS"
    order = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
    assert allowed == sorted(allowed, key=order.index)
    for method in METHODS[:-2]:
        status = (await drydock.http.request(method, path)).status_code
        assert (status == 405) == (method not in allowed), (method, status)


@pytest.mark.parametrize("path", ["/versions", f"{V1}/tasks", f"{V1}/health/extended"])
async def test_head_is_get_without_the_body(drydock, path):
    head = await drydock.http.head(path, headers=drydock.admin)
    get = await drydock.http.get(path, headers=drydock.admin)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["Content-Length"] == str(len(get.content))


async def test_slashes_are_served_without_a_redirect(drydock):
    for path in (f"{V1}/tasks/", "//api//v1.0///tasks//", f"{V1}//tasks"):
        answer = await drydock.http.get(
            f"{drydock.app.url}{path}", headers=drydock.admin, follow_redirects=False
        )
        assert answer.status_code == 200


async def test_a_failure_of_ours_says_nothing_of_itself(drydock, caplog):
    def broken(**_):
        raise RuntimeError("the secret plan")

    drydock.app.services.store.walk_tasks = broken
    answer = await drydock.get(f"{V1}/tasks")
    del drydock.app.services.store.walk_tasks
    assert answer.status_code == 500
    assert answer.json() == {
        "type": "error",
        "message": "Unknown error",
        "retry": False,
        "title": "500 Internal Server Error",
    }
    [record] = [r for r in caplog.records if r.exc_info]
    assert "RuntimeError" in record.exc_text or record.exc_info[0] is RuntimeError


async def test_a_body_over_the_limit_of_its_route_is_413(tmp_path):
    async with daemon(tmp_path, api={"body_bytes": 2048, "bootaction_body_bytes": 1024}) as drydock:
        for path, limit in ((f"{V1}/tasks", 2048), (f"{V1}/bootaction/x", 1024)):
            for size in (limit + 1, 300_000, 6_000_000):
                answer = await drydock.http.post(
                    path, headers=drydock.admin | JSON, content=b" " * size
                )
                assert answer.status_code == 413, (path, size)
                assert str(limit) in answer.json()["message"]
                assert answer.headers["X-Drydock-Req"]
            below = await drydock.http.post(
                path, headers=drydock.admin | JSON, content=b" " * limit
            )
            assert below.status_code in (400, 404)


async def test_a_body_of_unknown_length_is_limited_too(tmp_path):
    async def chunks(count):
        for _ in range(count):
            yield b" " * 1000

    async with daemon(tmp_path, api={"body_bytes": 10_000}) as drydock:
        headers = drydock.admin | JSON
        small = await drydock.http.post(f"{V1}/tasks", headers=headers, content=chunks(5))
        assert small.status_code == 400
        large = await drydock.http.post(f"{V1}/tasks", headers=headers, content=chunks(100))
        assert large.status_code == 413


async def test_a_path_that_takes_no_body_refuses_one(drydock):
    answer = await drydock.http.request("GET", f"{V1}/tasks/x", content=b"x" * 10)
    assert answer.status_code == 413


async def test_headers_over_the_limit_are_431(tmp_path):
    async with daemon(tmp_path, api={"header_bytes": 2048}) as drydock:
        answer = await drydock.http.get("/versions", headers={"X-Long": "x" * 3000})
        assert answer.status_code == 431
        assert answer.headers["X-Drydock-Req"]
        assert (await drydock.http.get("/versions")).status_code == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /versions HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /versions HTTP/9\r\n\r\n",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip\r\n\r\n",
    ],
)
async def test_what_is_not_http_gets_an_answer_with_a_request_id(drydock, request_bytes):
    answer = await raw(drydock.app.url, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert re.search(rb"X-Drydock-Req: [0-9a-f-]{36}\r\n", answer)
    assert b'"type":"error"' in answer


async def test_a_form_is_refused_before_it_is_taken_apart(drydock):
    answer = await drydock.http.post(
        f"{V1}/tasks", headers=drydock.admin, files={"a": b"x" * 1000}, data={"action": "x"}
    )
    assert answer.status_code == 400
    anonymous = await drydock.http.post(f"{V1}/tasks", files={"a": b"x"})
    assert anonymous.status_code == 401


async def test_the_marker_and_the_end_user_go_with_the_task(drydock):
    marker = str(uuid.uuid4())
    answer = await drydock.http.post(
        f"{V1}/tasks",
        headers=drydock.admin | {"X-Context-Marker": marker, "X-End-User": "ann"},
        json={"action": "validate_design", "design_ref": REF},
    )
    caller = drydock.app.services.store.task(answer.json()["task_id"]).caller
    assert (caller.external_marker, caller.end_user) == (marker, "ann")
    assert caller.request_id == answer.headers["X-Drydock-Req"]


class Endless:
    """A list of megabytes that goes on until nobody takes it any more."""

    def __init__(self, *, fails_at: int = -1) -> None:
        self.made = 0
        self.fails_at = fails_at
        self.closed = asyncio.Event()

    async def listed(self, _):
        try:
            while True:
                if self.made == self.fails_at:
                    raise errors.StoreUnavailable("the disk is gone")
                self.made += 1
                yield b"[" + b" " * (1 << 20)
        finally:
            self.closed.set()


async def asked_for_tasks(drydock, method="GET", version="1.1"):
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", httpx.URL(drydock.app.url).port, limit=4096
    )
    token = drydock.admin["X-Auth-Token"]
    writer.write(
        f"{method} {V1}/tasks HTTP/{version}\r\nHost: x\r\nX-Auth-Token: {token}\r\n\r\n".encode()
    )
    return reader, writer


async def test_a_long_answer_goes_as_fast_as_it_is_taken_and_ends_with_its_reader(
    drydock, monkeypatch, caplog
):
    endless = Endless()
    monkeypatch.setattr(drydock.app.services.views, "listed", endless.listed)
    reader, writer = await asked_for_tasks(drydock)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert b"content-length" not in head.lower()
    # Others have hundreds of turns meanwhile; what was made fits into the sockets' buffers.
    for _ in range(100):
        assert (await drydock.http.get(f"{V1}/health")).status_code in (204, 503)
    assert endless.made < 30
    writer.close()
    async with asyncio.timeout(10):
        await endless.closed.wait()
    assert endless.made < 40
    assert "failed" not in caplog.text


async def test_a_client_that_does_not_take_its_answer_is_cut_off(drydock, monkeypatch, caplog):
    endless = Endless()
    monkeypatch.setattr(drydock.app.services.views, "listed", endless.listed)
    reader, writer = await asked_for_tasks(drydock)
    connections = drydock.app.services.connections
    async with asyncio.timeout(20):
        while not any(stream.writing() for stream in connections._open):
            await drydock.http.get("/versions")
        connections.look(time.monotonic())
        connections.look(time.monotonic() + 1000)
        await endless.closed.wait()
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert not answer.endswith(b"0\r\n\r\n")
    assert "failed" not in caplog.text
    writer.close()


async def test_a_long_answer_that_fails_is_a_status_code_or_else_cut_off(drydock, monkeypatch):
    monkeypatch.setattr(drydock.app.services.views, "listed", Endless(fails_at=0).listed)
    assert (await drydock.get(f"{V1}/tasks")).status_code == 503
    monkeypatch.setattr(drydock.app.services.views, "listed", Endless(fails_at=3).listed)
    with pytest.raises(httpx.RemoteProtocolError):
        await drydock.get(f"{V1}/tasks")


async def test_head_of_a_long_answer_makes_no_more_than_its_beginning(drydock, monkeypatch):
    endless = Endless()
    monkeypatch.setattr(drydock.app.services.views, "listed", endless.listed)
    answer = await drydock.http.head(f"{V1}/tasks", headers=drydock.admin)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "Content-Length" not in answer.headers
    assert endless.made == 2


async def test_a_short_answer_in_parts_has_its_length(drydock):
    await drydock.task(action="validate_design")
    shown = await drydock.get(f"{V1}/tasks")
    head = await drydock.http.head(f"{V1}/tasks", headers=drydock.admin)
    assert int(shown.headers["Content-Length"]) == len(shown.content)
    assert head.headers["Content-Length"] == shown.headers["Content-Length"]


async def test_a_client_of_http_1_0_gets_a_long_answer_until_the_end_of_the_connection(
    drydock, monkeypatch
):
    async def listed(_):
        for part in (b"[1", b"", b",2", b"]"):
            yield part

    monkeypatch.setattr(drydock.app.services.views, "listed", listed)
    reader, writer = await asked_for_tasks(drydock, version="1.0")
    answer = await reader.read()
    assert answer.endswith(b"\r\n\r\n[1,2]")
    assert b"chunked" not in answer
    writer.close()


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("GET", "/tasks/x?wiat=5", "'wiat': unknown query parameter, did you mean wait?"),
        ("HEAD", "/tasks/x?wiat=5", ""),
        ("GET", "/tasks/x?build_data=1", "did you mean builddata?"),
        ("GET", "/tasks?statsu=queued", "did you mean status?"),
        ("GET", "/tasks?recieve=1", "known: status, action, node, limit, marker"),
        ("DELETE", "/tasks?day=1", "did you mean days?"),
        ("POST", "/tasks?dry_run=true", "takes none"),
        ("POST", "/nodefilter?node_filter=x", "takes none"),
        ("POST", "/tasks/x/terminate?dry_run=1", "takes none"),
        ("GET", "/nodes/n1/builddata?lastest=true", "did you mean latest?"),
        ("GET", "/tasks/x/builddata?latest=true", "takes none"),
    ],
)
async def test_a_query_parameter_that_is_unknown_is_refused(drydock, method, path, meant):
    options = {"json": {}} if method == "POST" else {}
    answer = await drydock.http.request(method, V1 + path, headers=drydock.admin, **options)
    assert answer.status_code == 400
    if method != "HEAD":
        assert meant in answer.json()["message"]


async def test_who_may_not_call_a_route_learns_nothing_of_its_parameters(drydock):
    answer = await drydock.http.get(f"{V1}/tasks?statsu=queued")
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/versions?x=1", "/api/v1.0/health?x=1"])
async def test_who_looks_whether_it_lives_may_say_what_he_likes(drydock, path):
    assert (await drydock.http.get(path)).status_code in (200, 204)


FILTER = {"filter_set_type": "union", "filter_set": [{"filter_type": "union"}]}


@pytest.mark.parametrize("route", ["tasks", "nodefilter"])
@pytest.mark.parametrize(
    ("more", "meant"),
    [
        ({"dry-run": True, "all_nodes": True}, "dry-run"),
        ({"nodefilter": FILTER}, "did you mean node_filter?"),
        ({"node_filter": FILTER | {"filter_sets": []}}, "did you mean filter_set?"),
        (
            {"node_filter": FILTER | {"filter_set": [{"filter_type": "union", "node-names": []}]}},
            "did you mean node_names?",
        ),
        (
            {"node_filter": FILTER | {"filter_set": [{"filter_type": "union", "Node_Names": []}]}},
            "did you mean node_names?",
        ),
    ],
)
async def test_a_key_that_is_unknown_is_refused_at_any_depth(drydock, route, more, meant):
    action = {"action": "destroy_nodes"} if route == "tasks" else {}
    answer = await drydock.post(f"{V1}/{route}", {"design_ref": REF, **action, **more})
    assert answer.status_code == 400
    assert meant in answer.json()["message"]
    assert (await drydock.get(f"{V1}/tasks")).json() == []


@pytest.mark.parametrize("route", ["terminate", "retry"])
async def test_terminate_and_retry_take_no_keys(drydock, route):
    answer = await drydock.post(f"{V1}/tasks/x/{route}", {"dry-run": True})
    assert answer.status_code == 400
