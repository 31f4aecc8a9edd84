"""Every method: what it asks, and what it makes of the answer."""

import json

import pytest

from drydockd.client import (
    Client,
    ClientError,
    ClientForbiddenError,
    ClientUnauthorizedError,
    Event,
    Session,
)
from tests.api import examples as ex
from tests.client.helpers import a_task

T = "77ad2a44-0c7c-4a3a-8a4f-2d7a5a7b6c22"
V1 = "/api/v1.0"
FILTER = {"filter_set_type": "union", "filter_set": [{"filter_type": "union"}]}

VALID = ex.VALIDATION | {"status": "Success", "code": 200}

CALLS = [
    (lambda c: c.get_tasks(), f"GET {V1}/tasks", {}, None, [ex.TASK]),
    (
        lambda c: c.get_tasks(status="running", limit=5, marker=T),
        f"GET {V1}/tasks",
        {"status": "running", "limit": "5", "marker": T},
        None,
        [],
    ),
    (lambda c: c.get_task(T), f"GET {V1}/tasks/{T}", {}, None, ex.TASK),
    (
        lambda c: c.get_task(T, builddata=True, subtaskerrors=True, layers=-1),
        f"GET {V1}/tasks/{T}",
        {"builddata": "true", "subtaskerrors": "true", "layers": "-1"},
        None,
        ex.TREE,
    ),
    (
        lambda c: c.create_task("ref", "deploy_nodes"),
        f"POST {V1}/tasks",
        {},
        {"action": "deploy_nodes", "design_ref": "ref"},
        ex.TASK,
    ),
    (
        lambda c: c.create_task("ref", "destroy_nodes", FILTER, all_nodes=True, dry_run=True),
        f"POST {V1}/tasks",
        {},
        {
            "action": "destroy_nodes",
            "design_ref": "ref",
            "node_filter": FILTER,
            "all_nodes": True,
            "dry_run": True,
        },
        ex.DRY_RUN,
    ),
    (
        lambda c: c.get_task_build_data(T),
        f"GET {V1}/tasks/{T}/builddata",
        {},
        None,
        [ex.BUILD_DATA],
    ),
    (lambda c: c.terminate_task(T), f"POST {V1}/tasks/{T}/terminate", {}, {}, ex.TASK),
    (lambda c: c.retry_task(T), f"POST {V1}/tasks/{T}/retry", {}, {}, ex.TASK),
    (lambda c: c.get_nodes(), f"GET {V1}/nodes", {}, None, [ex.NODE]),
    (lambda c: c.get_node("a/b"), f"GET {V1}/nodes/a%2Fb", {}, None, ex.NODE_VIEW),
    (
        lambda c: c.get_node_build_data("n1"),
        f"GET {V1}/nodes/n1/builddata",
        {"latest": "True"},
        None,
        [ex.BUILD_DATA],
    ),
    (
        lambda c: c.get_node_build_data("n 1?x", latest=False),
        f"GET {V1}/nodes/n%201%3Fx/builddata",
        {"latest": "False"},
        None,
        [],
    ),
    (
        lambda c: c.get_nodes_for_filter("ref", FILTER),
        f"POST {V1}/nodefilter",
        {},
        {"design_ref": "ref", "node_filter": FILTER},
        ["n1"],
    ),
    (lambda c: c.validate_design("ref"), f"POST {V1}/validatedesign", {}, {"href": "ref"}, VALID),
    (lambda c: c.get_versions(), "GET /versions", {}, None, {"v1.0": ex.VERSION}),
    (lambda c: c.get_status(), f"GET {V1}/status", {}, None, ex.STATUS),
    (lambda c: c.get_health_extended(), f"GET {V1}/health/extended", {}, None, ex.HEALTH),
]


@pytest.mark.parametrize(("call", "target", "query", "body", "answer"), CALLS)
def test_a_method_is_one_request(client, server, call, target, query, body, answer):
    server.answers[target] = (200, answer)
    assert call(client) == answer
    (asked,) = server.asked
    assert (asked.query, asked.json if asked.body else None) == (query, body)


def test_purging_says_the_fixed_text_and_leaves_absent_days_out(client, server):
    server.answers[f"DELETE {V1}/tasks"] = (200, b"Tables purged successfully.")
    assert client.delete_tasks() == "Task table purged successfully."
    assert client.delete_tasks(30) == "Task table purged successfully."
    assert [a.query for a in server.asked] == [{}, {"days": "30"}]


@pytest.mark.parametrize(("name", "path"), [("..", "%2E%2E"), (".", "%2E"), ("é", "%C3%A9")])
def test_no_name_climbs_out_of_its_place(client, server, name, path):
    server.answers[f"GET {V1}/nodes/{path}"] = (200, ex.NODE_VIEW)
    assert client.get_node(name) == ex.NODE_VIEW


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ClientError),
        (401, ClientUnauthorizedError),
        (403, ClientForbiddenError),
        (404, ClientError),
        (503, ClientError),
    ],
)
def test_an_error_has_the_real_code_and_the_parsed_body(client, server, status, kind):
    body = {"type": "error", "message": "no", "retry": False}
    server.answers[f"GET {V1}/tasks"] = (status, body)
    with pytest.raises(kind) as error:
        client.get_tasks()
    assert type(error.value) is kind
    assert (error.value.status_code, error.value.body, error.value.reason) == (status, body, "no")


def test_texts_of_errors(client, server):
    server.answers[f"GET {V1}/tasks"] = [(500, b"oops"), (401, {})]
    with pytest.raises(ClientError, match=r"^Error - received 500: oops$"):
        client.get_tasks()
    with pytest.raises(ClientUnauthorizedError, match=f"{server.url}{V1}/tasks"):
        client.get_tasks()


@pytest.mark.parametrize("content", [b"<html>", [], "text", {}, {"task_id": T}])
def test_what_is_no_task_is_an_error_and_not_a_surprise_later(client, server, content):
    server.answers[f"GET {V1}/tasks/{T}"] = (200, content)
    with pytest.raises(ClientError, match="is it a drydockd"):
        client.get_task(T)


def test_an_answer_that_does_not_fit_says_where(client, server):
    task = ex.TASK | {"result": ex.RESULT | {"successes": None}}
    server.answers[f"GET {V1}/tasks"] = (200, [ex.TASK, task])
    with pytest.raises(ClientError, match=r"\(1.result.successes: "):
        client.get_tasks()


def test_a_newer_servers_keys_and_actions_are_read(client, server):
    task = ex.TASK | {"action": "paint_nodes", "colour": "red"}
    server.answers[f"GET {V1}/tasks/{T}"] = (200, task)
    assert client.get_task(T)["colour"] == "red"


def test_answers_have_types_and_read_like_the_originals(client, server):
    server.answers[f"GET {V1}/tasks/{T}"] = (200, ex.TASK)
    task = client.get_task(T)
    assert task.status.is_final
    assert task.result.details.error_count == 1
    assert task["result"]["details"]["messageList"][0]["error"] is True
    assert task.get("result", {}).get("failures", []) == ["cab01-n08"]
    assert json.dumps(task.as_dict())


def test_an_invalid_design_raises_with_the_status_object(client, server):
    server.answers[f"POST {V1}/validatedesign"] = (400, ex.VALIDATION)
    with pytest.raises(ClientError) as error:
        client.validate_design("ref")
    assert error.value.body == ex.VALIDATION


def test_task_errors_are_those_of_the_whole_tree(client, server):
    bad = [{"message": "m", "error": True}]
    sub = {"s1": ex.RESULT | {"status": "failure", "task_id": "s1"}}
    server.answers[f"GET {V1}/tasks/{T}"] = [
        (200, a_task("complete", "failure", bad, subtask_errors=sub)),
        (200, a_task("complete", "success", subtask_errors={})),
    ]
    found = client.get_task_errors(T)
    assert list(found) == [T, "s1"]
    assert found[T]["details"]["errorCount"] == 1
    assert client.get_task_errors(T) == {}
    assert server.asked[0].query == {"subtaskerrors": "true"}


def test_health_is_yes_or_no_without_a_token(client, server):
    server.answers[f"GET {V1}/health"] = [(204, None), (503, None), (500, None)]
    assert client.get_health() is True
    assert client.get_health() is False
    with pytest.raises(ClientError):
        client.get_health()
    assert "X-Auth-Token" not in server.asked[0].headers


def test_failed_health_checks_are_an_answer(client, server):
    server.answers[f"GET {V1}/health/extended"] = [(503, ex.HEALTH), (503, {"message": "down"})]
    assert client.get_health_extended() == ex.HEALTH
    with pytest.raises(ClientError):
        client.get_health_extended()


def test_a_report_carries_the_key_and_no_token(client, server):
    server.answers[f"POST {V1}/bootaction/A1"] = (200, ex.BOOT_ACTION)
    details = [{"message": "done", "error": False, "more": 1}]
    assert client.report_bootaction("A1", "k" * 64, details, "success")["action_status"]
    (asked,) = server.asked
    assert asked.json == {"status": "success", "details": details}
    assert asked.headers["X-Bootaction-Key"] == "k" * 64
    assert "X-Auth-Token" not in asked.headers


def test_waiting_ends_with_the_task(client, server):
    server.answers[f"GET {V1}/tasks/{T}"] = [
        (200, a_task("queued")), (200, a_task("running")), (200, a_task("complete", "success")),
    ]  # fmt: skip
    seen = []
    task = client.wait_for_task(T, 30, on_change=lambda t: seen.append(t.status))
    assert task["status"] == "complete"
    assert seen == ["queued", "running", "complete"]
    assert [("wait" in a.query) for a in server.asked] == [False, True, True]


def test_events_come_parsed_and_resume_where_asked(client, server):
    stream = f": drydockd\n\nid: 7\nevent: state\ndata: {json.dumps(ex.STATE_EVENT)}\n\n".encode()
    server.answers[f"GET {V1}/tasks/{T}/events"] = (
        200, stream, {"Content-Type": "text/event-stream"},
    )  # fmt: skip
    assert list(client.get_task_events(T, "6")) == [Event("7", "state", ex.STATE_EVENT)]
    assert server.asked[0].headers["Last-Event-ID"] == "6"


def test_events_of_an_unknown_task_are_an_error(client):
    with pytest.raises(ClientError) as error:
        list(client.get_task_events(T))
    assert error.value.status_code == 404


def test_a_proxy_prefix_is_kept_on_every_route(server):
    server.answers["GET /dd/api/v1.0/tasks"] = (200, [])
    server.answers["GET /dd/versions"] = (200, {"v1.0": ex.VERSION})
    with Session.from_url(f"{server.url}/dd/api/v1.0/") as session:
        assert Client(session).get_tasks() == []
        assert Client(session).get_versions() == {"v1.0": ex.VERSION}
