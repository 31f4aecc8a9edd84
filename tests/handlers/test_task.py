import asyncio

import pytest

from drydockd.handlers.task import levels
from drydockd.model import BuildData, timestamp
from drydockd.store import Put
from tests.handlers.helpers import REF, V1

NOBODY = "3b3cf5f2-8c0a-4c4b-9d0e-6f2a1f6f0e55"


async def add_build_data(drydock, task_id, node="a01-control", generator="lshw"):
    data = BuildData(node, task_id, timestamp(), generator, "text/xml", "<list/>")
    await drydock.app.services.store.write(Put(data))


@pytest.fixture
async def site_task(drydock):
    """A finished task with subtasks."""
    return await drydock.task(action="verify_site")


async def test_a_task_is_shown_with_its_messages(drydock, site_task):
    assert site_task["result"]["details"]["messageList"]
    message = site_task["result"]["details"]["messageList"][0]
    assert set(message) == {"message", "error", "context_type", "context", "ts", "extra"}
    assert isinstance(message["extra"], dict)


@pytest.mark.parametrize("spelt", [str.upper, lambda text: text.replace("-", "")])
async def test_an_id_is_understood_in_other_spellings(drydock, site_task, spelt):
    shown = (await drydock.get(f"{V1}/tasks/{spelt(site_task['task_id'])}?layers=1")).json()
    assert shown["init_task_id"] == site_task["task_id"]
    assert shown[shown["init_task_id"]] == site_task


@pytest.mark.parametrize("task_id", [NOBODY, "x", "%20", "1" * 300])
async def test_what_is_not_there_is_404(drydock, task_id):
    for method, path in (
        ("GET", ""),
        ("GET", "/builddata"),
        ("GET", "/events"),
        ("POST", "/terminate"),
        ("POST", "/retry"),
    ):
        answer = await drydock.http.request(
            method, f"{V1}/tasks/{task_id}{path}", headers=drydock.admin
        )
        assert answer.status_code == 404, path
        assert answer.json()["type"] == "error"
    answer = await drydock.get(f"{V1}/tasks/{NOBODY}")
    assert answer.json()["message"] == f"Task {NOBODY} does not exist"


async def test_layers_show_as_many_levels_as_asked(drydock, site_task):
    async def ids(layers):
        shown = (await drydock.get(f"{V1}/tasks/{site_task['task_id']}?layers={layers}")).json()
        assert shown.pop("init_task_id") == site_task["task_id"]
        return list(shown)

    assert await ids(1) == [site_task["task_id"]]
    assert await ids(2) == [site_task["task_id"], *site_task["subtask_id_list"]]
    assert await ids(-1) == await ids(9)
    assert await ids(-5) == await ids(1)


@pytest.mark.parametrize(("text", "depth"), [("", 0), ("x", 0), ("0", 0), ("-1", -1)])
def test_unreadable_layers_mean_none(text, depth):
    assert levels(text) == depth


async def test_subtask_errors_are_keyed_by_task_and_have_its_id(drydock):
    # Given a task whose subtask fails: nothing is known about these nodes yet.
    task = await drydock.task(
        action="deploy_nodes",
        node_filter={
            "filter_set_type": "union",
            "filter_set": [{"filter_type": "union", "node_names": ["a01-control"]}],
        },
    )
    # When its errors are asked for, then those of all descendants are there, not its own,
    shown = (await drydock.get(f"{V1}/tasks/{task['task_id']}?subtaskerrors=true")).json()
    errors = shown["subtask_errors"]
    assert errors
    assert task["task_id"] not in errors
    for task_id, result in errors.items():
        assert result["task_id"] == task_id
        assert result["details"]["errorCount"] > 0
    # also beside layers, whose results stay as they are.
    layered = (await drydock.get(f"{V1}/tasks/{task['task_id']}?subtaskerrors&layers=1")).json()
    assert layered["subtask_errors"] == errors
    assert "task_id" not in layered[task["task_id"]]["result"]


async def test_a_task_without_subtask_errors_says_so(drydock, site_task):
    shown = (await drydock.get(f"{V1}/tasks/{site_task['task_id']}?subtaskerrors=true")).json()
    assert shown["subtask_errors"] == {}


async def test_build_data_come_with_the_task_or_alone(drydock, site_task):
    task_id = site_task["task_id"]
    assert (await drydock.get(f"{V1}/tasks/{task_id}/builddata")).status_code == 404
    await add_build_data(drydock, task_id)
    alone = (await drydock.get(f"{V1}/tasks/{task_id.upper()}/builddata")).json()
    assert alone[0]["node_name"] == "a01-control"
    assert set(alone[0]) == {
        "node_name",
        "task_id",
        "collected_date",
        "generator",
        "data_format",
        "data_element",
    }
    shown = (await drydock.get(f"{V1}/tasks/{task_id}?builddata=true")).json()
    assert shown["build_data"] == alone
    layered = (await drydock.get(f"{V1}/tasks/{task_id}?builddata=1&layers=2")).json()
    layered.pop("init_task_id")
    assert [len(task["build_data"]) for task in layered.values()][:2] == [1, 0]
    plain = (await drydock.get(f"{V1}/tasks/{task_id}?builddata=no")).json()
    assert "build_data" not in plain


@pytest.mark.parametrize("query", ["builddata=maybe", "subtaskerrors=2", "wait=x", "wait=-1"])
async def test_a_wrong_query_is_400(drydock, site_task, query):
    answer = await drydock.get(f"{V1}/tasks/{site_task['task_id']}?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["message"]


async def test_waiting_ends_with_the_change(drydock):
    made = (await drydock.post(f"{V1}/tasks", {"action": "verify_site", "design_ref": REF})).json()
    shown = await drydock.ended(made["task_id"])
    async with asyncio.timeout(20):
        again = await drydock.get(f"{V1}/tasks/{made['task_id']}?wait=60")
    assert again.json() == shown


async def test_a_finished_task_cannot_be_terminated(drydock, site_task):
    answer = await drydock.post(f"{V1}/tasks/{site_task['task_id']}/terminate")
    assert answer.status_code == 409
    assert answer.json()["retry"] is False


async def test_a_running_task_is_terminated(drydock):
    # Given machines that never report, a deployment waits for their signals.
    made = await drydock.task(action="prepare_nodes", node_filter=only("a01-control"))
    assert made["result"]["status"] == "success", made["result"]
    task = (
        await drydock.post(
            f"{V1}/tasks",
            {"action": "deploy_nodes", "design_ref": REF, "node_filter": only("a01-control")},
        )
    ).json()
    # When it is terminated, then it ends so and says by whom.
    answer = await drydock.post(f"{V1}/tasks/{task['task_id']}/terminate")
    assert answer.status_code == 200
    assert answer.json()["terminate"] is True
    ended = await drydock.ended(task["task_id"])
    assert (ended["status"], ended["terminated_by"]) == ("terminated", "joe")


@pytest.mark.parametrize("route", ["retry", "terminate"])
async def test_a_key_on_a_route_that_takes_none_is_refused_and_nothing_done(drydock, route):
    failed = await drydock.task(action="deploy_nodes", node_filter=only("a01-control"))
    url = f"{V1}/tasks/{failed['task_id']}/{route}"
    answer = await drydock.post(url, {"dry_run": True})
    assert answer.status_code == 400
    assert answer.json()["message"] == "'dry_run': unknown key (this route takes none)"
    assert await drydock.ended(failed["task_id"]) == failed
    assert (await drydock.post(url, {})).status_code == (201 if route == "retry" else 409)


async def test_what_failed_is_retried_as_a_new_task(drydock):
    failed = await drydock.task(action="deploy_nodes", node_filter=only("a01-control"))
    assert failed["result"]["failures"] == ["a01-control"]
    answer = await drydock.post(f"{V1}/tasks/{failed['task_id']}/retry")
    again = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{V1}/tasks/{again['task_id']}"
    assert again["retry_of"] == failed["task_id"]
    shown = (await drydock.get(f"{V1}/tasks/{failed['task_id']}")).json()
    assert shown["retried_by"] == [again["task_id"]]


def only(*names):
    return {
        "filter_set_type": "union",
        "filter_set": [{"filter_type": "union", "node_names": list(names)}],
    }
