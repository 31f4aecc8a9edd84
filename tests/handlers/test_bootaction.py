import asyncio

import pytest

from bench.attacks.reports import flood
from drydockd.api.bootaction import BootActionReport
from drydockd.errors import InvalidInput
from drydockd.handlers import body
from drydockd.model import BootActionStatus
from tests.handlers.helpers import JSON, V1, daemon

NODE = "a01-control"
SUCCESS = {"status": "success", "details": [{"message": "done", "error": False}]}


@pytest.fixture
async def node(drydock):
    task = await drydock.task(action="validate_design")
    return await drydock.deployed(NODE, task["task_id"])


@pytest.fixture
def signalling(node):
    """Name, id and key of a boot action that is waited for."""
    row = next(r for r in node.actions.values() if r.status is BootActionStatus.INCOMPLETE)
    return row.name, row.action_id, {"X-Bootaction-Key": node.action_keys[row.name]}


@pytest.mark.parametrize("family", ["bootaction", "bootactions"])
@pytest.mark.parametrize("form", ["{id}", "{id}/", "/{id}/"])
async def test_a_report_is_taken_by_every_spelling(drydock, node, signalling, family, form):
    name, action_id, key = signalling
    url = f"{V1}/{family}/" + form.format(id=action_id)
    answer = await drydock.http.post(url, headers=key, json=SUCCESS)
    assert answer.status_code == 200
    assert answer.json() == {
        "node_name": NODE,
        "action_id": action_id,
        "action_name": name,
        "task_id": node.context.task_id,
        "action_status": "success",
    }


async def test_a_lower_case_id_is_answered_in_upper_case(drydock, signalling):
    _, action_id, key = signalling
    answer = await drydock.http.post(f"{V1}/bootaction/{action_id.lower()}", headers=key, json={})
    assert answer.json()["action_id"] == action_id
    assert answer.json()["action_status"] == "incomplete"


async def test_details_become_messages_with_all_their_fields(drydock, node, signalling):
    _, action_id, key = signalling
    detail = {"message": "half way", "error": False, "percent": 50, "more": {"a": [1]}}
    await drydock.http.post(f"{V1}/bootaction/{action_id}", headers=key, json={"details": [detail]})
    shown = (await drydock.get(f"{V1}/tasks/{node.context.task_id}")).json()
    message = shown["result"]["details"]["messageList"][-1]
    assert (message["message"], message["context_type"]) == ("half way", "bootaction")
    assert message["context"] == action_id
    assert message["extra"] == {"percent": 50, "more": {"a": [1]}}


async def test_the_checks_come_in_the_documented_order(drydock, node, signalling):
    _, action_id, key = signalling
    url = f"{V1}/bootaction/{action_id}"

    async def post(url, headers, content=b"nonsense"):
        answer = await drydock.http.post(url, headers=headers | JSON, content=content)
        return answer.status_code, answer.json()

    unknown = f"{V1}/bootaction/01J9ZC7M3W8Q6N2V5R4T1XKPHB"
    assert (await post(unknown, {}))[0] == 404
    assert (await post(f"{V1}/bootaction/nonsense", key))[0] == 404
    status, body = await post(url, {})
    assert (status, body["title"]) == (401, "Unauthorized")
    assert body["description"] == "No X-Bootaction-Key"
    for wrong in (
        "0" * 64,
        "nonhex",
        node.key,
        next(k for n, k in node.action_keys.items() if k != key["X-Bootaction-Key"]),
    ):
        status, body = await post(url, {"X-Bootaction-Key": wrong})
        assert (status, body["description"]) == (403, "Invalid X-Bootaction-Key")
    status, body = await post(url, key)
    assert (status, body["description"]) == (400, "Error processing body.")
    assert (await post(url, key, b'{"status": "Success"}'))[0] == 200
    # 400 goes before 409
    assert (await post(url, key))[0] == 400
    status, body = await post(url, key, b"{}")
    assert status == 409
    assert body["title"] == "409 Conflict"
    assert body["description"] == (
        f"Action {action_id} status finalized, not available for update."
    )


async def test_an_action_that_does_not_signal_cannot_be_reported_on(drydock, node):
    row = next(r for r in node.actions.values() if r.status is BootActionStatus.UNREPORTED)
    answer = await drydock.http.post(
        f"{V1}/bootaction/{row.action_id}",
        headers={"X-Bootaction-Key": node.action_keys[row.name]},
        json=SUCCESS,
    )
    assert answer.status_code == 409


async def test_of_two_final_reports_exactly_one_is_taken(drydock, node, signalling):
    _, action_id, key = signalling
    answers = await asyncio.gather(
        *(
            drydock.http.post(f"{V1}/bootaction/{action_id}", headers=key, json=SUCCESS)
            for _ in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    shown = (await drydock.get(f"{V1}/tasks/{node.context.task_id}")).json()
    messages = [m["message"] for m in shown["result"]["details"]["messageList"]]
    assert messages.count("done") == 1


async def test_a_refused_report_leaves_nothing(drydock, node, signalling):
    _, action_id, key = signalling
    before = (await drydock.get(f"{V1}/tasks/{node.context.task_id}")).json()
    body = {"status": "success", "details": [{"message": "a", "error": False}, {"message": "b"}]}
    answer = await drydock.http.post(f"{V1}/bootaction/{action_id}", headers=key, json=body)
    assert answer.status_code == 400
    assert "details[1].error" in answer.json()["message"]
    assert (await drydock.get(f"{V1}/tasks/{node.context.task_id}")).json() == before


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        ("Success", "success"),
        ("success", "success"),
        ("Failure", "failure"),
        ("failure", "failure"),
        ("", "incomplete"),
    ],
)
async def test_statuses_as_the_clients_send_them(drydock, signalling, status, meant):
    _, action_id, key = signalling
    answer = await drydock.http.post(
        f"{V1}/bootaction/{action_id}", headers=key, json={"status": status}
    )
    assert answer.json()["action_status"] == meant


@pytest.mark.parametrize(
    "given",
    [
        {"status": "SUCCESS"},
        {"status": "incomplete"},
        {"status": None},
        {"status": ["success"]},
        {"state": "success"},
        {"details": {}},
        {"details": None},
        {"details": ["x"]},
        {"details": [{}]},
        {"details": [{"message": "x"}]},
        {"details": [{"message": 5, "error": False}]},
        {"details": [{"message": "x", "error": 0}]},
        {"details": [{"message": "x", "error": False, "ts": "2026"}]},
        {"details": [{"message": "x", "error": False, "context": "n2"}]},
        {"details": [{"message": "x", "error": False, "context_type": "node"}]},
        {"details": [{"message": "x" * 20_000, "error": False}]},
    ],
)
def test_what_is_no_report_is_refused(given):
    with pytest.raises(InvalidInput):
        body.parsed(BootActionReport, given)


def detail(text="x", **extra):
    return {"message": text, "error": False, **extra}


async def reporting(drydock):
    """Return a function that posts a report of one boot action, and the task it is about."""
    task = await drydock.task(action="validate_design")
    node = await drydock.deployed(NODE, task["task_id"])
    row = next(r for r in node.actions.values() if r.status is BootActionStatus.INCOMPLETE)
    return reporter(drydock, row.action_id, node.action_keys[row.name]), task["task_id"]


def reporter(drydock, action_id, key):
    async def report(**body):
        return await drydock.http.post(
            f"{V1}/bootaction/{action_id}", headers={"X-Bootaction-Key": key}, json=body
        )

    report.made_with = (action_id, key)
    return report


async def kept_of(drydock, task_id):
    """Return the messages of a task, whichever daemon was told them."""
    await drydock.app.services.store.fresh(20)
    return drydock.app.services.store.messages(task_id)


async def test_further_fields_are_bounded_in_number_and_size(tmp_path):
    async with daemon(tmp_path, bootactions={"detail_fields": 2, "detail_bytes": 100}) as drydock:
        report, task_id = await reporting(drydock)
        for extra, option in (
            ({"a": 1, "b": 2, "c": 3}, "bootactions.detail_fields"),
            ({"a": "x" * 100}, "bootactions.detail_bytes"),
        ):
            answer = await report(details=[detail(), detail(**extra)])
            assert (answer.status_code, answer.json()["retry"]) == (413, False)
            assert "details[1]" in answer.json()["message"]
            assert option in answer.json()["message"]
        # None of it is kept, but a final status is taken whatever comes with it.
        assert (await kept_of(drydock, task_id))[-1].context_type != "bootaction"
        answer = await report(status="failure", details=[detail("why", a="x" * 100)])
        assert answer.json()["action_status"] == "failure"
        *_, why, remark = await kept_of(drydock, task_id)
        assert (why.message, why.extra) == ("why", {})
        assert "bootactions.detail_bytes" in remark.message


@pytest.mark.parametrize(
    ("limits", "option"),
    [
        ({"reports": 3}, "bootactions.reports"),
        ({"node_reports": 3}, "bootactions.node_reports"),
        ({"report_bytes": 1024}, "bootactions.report_bytes"),
        ({"node_report_bytes": 1024}, "bootactions.node_report_bytes"),
    ],
)
async def test_reports_over_a_limit_are_429_but_the_final_one_is_taken(tmp_path, limits, option):
    async with daemon(tmp_path, bootactions=limits) as drydock:
        report, task_id = await reporting(drydock)
        answers = await asyncio.gather(*(report(details=[detail()]) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 7
        refused = next(answer for answer in answers if answer.status_code == 429).json()
        assert (option in refused["message"], refused["retry"]) == (True, False)
        answer = await report(status="success", details=[detail("y" * 1000)] * 3)
        assert answer.json()["action_status"] == "success"
        messages = await kept_of(drydock, task_id)
        assert option in messages[-1].message
        assert sum(said.context_type == "bootaction" for said in messages) == 4
        assert (await report()).status_code == 409


async def test_reports_are_counted_over_a_restart(tmp_path):
    sections = {"store": {"backend": "tiny"}, "bootactions": {"reports": 3}}
    async with daemon(tmp_path, **sections) as drydock:
        report, _ = await reporting(drydock)
        for _ in range(2):
            assert (await report(details=[detail()])).status_code == 200
    async with daemon(tmp_path, **sections) as drydock:
        report = reporter(drydock, *report.made_with)
        assert (await report(details=[detail()])).status_code == 200
        assert (await report(details=[detail()])).status_code == 429


async def test_one_key_does_not_fill_the_daemon(drydock):
    report, task_id = await reporting(drydock)
    action_id, key = report.made_with
    statuses = await flood(drydock.http, f"{V1}/bootaction/{action_id}", key, count=40)
    assert statuses.keys() == {200, 429}
    kept = await kept_of(drydock, task_id)
    assert sum(len(str(said.extra)) + len(said.message) for said in kept) < 600_000
    assert (await report(status="success")).status_code == 200


async def test_boot_actions_of_what_is_deployed_are_listed(drydock, node, signalling):
    name, action_id, key = signalling
    other = await drydock.deployed("a02-compute")

    async def rows(**params):
        return (await drydock.get(f"{V1}/bootactions", params=params)).json()

    # Nodes that no task names are not looked for; a task's are.
    assert await rows() == []
    mine = await rows(node=NODE)
    assert [row["action_name"] for row in mine] == list(node.actions)
    assert {row["node_name"] for row in mine} == {NODE}
    await drydock.http.post(f"{V1}/bootaction/{action_id}", headers=key, json=SUCCESS)
    [done] = await rows(node=NODE, status="success")
    assert (done["action_id"], done["action_name"]) == (action_id, name)
    assert await rows(node=NODE, task=node.context.task_id) == await rows(node=NODE)
    assert await rows(node="a02-compute", task=node.context.task_id) == []
    assert len(await rows(node="a02-compute")) == len(other.actions)
    assert (await drydock.get(f"{V1}/bootactions?status=done")).status_code == 400


async def test_boot_actions_of_all_nodes_of_tasks_are_listed(drydock):
    await drydock.task(action="verify_nodes")
    first = await drydock.deployed(NODE)
    second = await drydock.deployed("a02-compute")
    listed = (await drydock.get(f"{V1}/bootactions")).json()
    assert [row["action_id"] for row in listed] == [
        row.action_id for one in (first, second) for row in one.actions.values()
    ]
