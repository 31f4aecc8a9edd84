import asyncio
import json

import pytest

from drydockd.api.event import KINDS
from drydockd.errors import InvalidInput
from drydockd.handlers.events import encode, last_id
from drydockd.tasks import Event
from tests.handlers.answers import check
from tests.handlers.helpers import REF, V1, daemon


async def stream(drydock, task_id, *, until_end=True, **headers):
    """Return the events a reader gets, as (id, kind, data)."""
    found = []
    async with drydock.http.stream(
        "GET", f"{V1}/tasks/{task_id}/events", headers=drydock.admin | headers
    ) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["X-Drydock-Req"]
        lines = []
        async for line in answer.aiter_lines():
            if line.startswith(("id: ", "event: ", "data: ")):
                lines.append(line.partition(": ")[2])
            if len(lines) == 3:
                check(KINDS[lines[1]], lines[2].encode(), lines[1])
                found.append((int(lines[0]), lines[1], json.loads(lines[2])))
                lines = []
                if not until_end:
                    return found
    return found


async def test_the_stream_tells_the_whole_tree_and_ends_with_the_task(drydock):
    made = (await drydock.post(f"{V1}/tasks", {"action": "verify_site", "design_ref": REF})).json()
    async with asyncio.timeout(20):
        events = await stream(drydock, made["task_id"])
    assert [number for number, _, _ in events] == sorted(number for number, _, _ in events)
    assert {"state", "message"} <= {kind for _, kind, _ in events}
    shown = await drydock.ended(made["task_id"])
    assert made["task_id"] in json.dumps(events)
    assert all(task_id in json.dumps(events) for task_id in shown["subtask_id_list"])


async def test_each_event_is_made_in_a_turn_of_the_readers_own(drydock, monkeypatch):
    """Thirty-two readers of a large tree held one turn of the loop for 46 ms."""
    task, turns = await drydock.task(action="verify_site"), []
    slices = drydock.app.services.slices
    turn = slices.turn

    async def counted(owner):
        turns.append(owner)
        await turn(owner)

    monkeypatch.setattr(slices, "turn", counted)
    events = await stream(drydock, task["task_id"])
    assert len(turns) >= len(events) > 2
    assert set(turns) == {turns[0]}


async def test_a_reader_goes_on_where_it_stopped(drydock):
    task = await drydock.task(action="verify_site")
    whole = await stream(drydock, task["task_id"])
    rest = await stream(drydock, task["task_id"], **{"Last-Event-ID": str(whole[-2][0])})
    # States may come again, and messages carry what tells them apart; none is left out.
    assert rest[-1][1:] == whole[-1][1:]
    ahead = await stream(drydock, task["task_id"], **{"Last-Event-ID": str(2**60)})
    assert len(ahead) <= len(rest) <= len(whole)


async def test_a_reader_that_leaves_frees_its_place(drydock):
    made = await drydock.task(action="prepare_nodes", node_filter=ONE)
    assert made["status"] == "complete"
    task = (
        await drydock.post(
            f"{V1}/tasks", {"action": "deploy_nodes", "design_ref": REF, "node_filter": ONE}
        )
    ).json()
    await stream(drydock, task["task_id"], until_end=False)
    await drydock.post(f"{V1}/tasks/{task['task_id']}/terminate")
    await drydock.ended(task["task_id"])
    async with asyncio.timeout(20):
        while drydock.app.services.streams.open:
            await drydock.get(f"{V1}/health")


async def test_too_many_readers_are_told_to_come_back(tmp_path):
    async with daemon(tmp_path, api={"event_streams": 1}) as drydock:
        task = await drydock.task(action="validate_design")
        with drydock.app.services.streams.taken("somebody else"):
            answer = await drydock.get(f"{V1}/tasks/{task['task_id']}/events")
        assert (answer.status_code, answer.json()["retry"]) == (503, True)
        assert "api.event_streams" in answer.json()["message"]
        assert int(answer.headers["Retry-After"]) > 0


async def test_a_wrong_last_event_id_is_400(drydock):
    task = await drydock.task(action="validate_design")
    answer = await drydock.get(f"{V1}/tasks/{task['task_id']}/events?last_event_id=x")
    assert answer.status_code == 400


async def test_a_stop_of_the_daemon_ends_the_streams(tmp_path):
    async with daemon(tmp_path, api={"shutdown_grace": 600}) as drydock:
        await drydock.task(action="prepare_nodes", node_filter=ONE)
        task = (
            await drydock.post(
                f"{V1}/tasks", {"action": "deploy_nodes", "design_ref": REF, "node_filter": ONE}
            )
        ).json()
        reader = asyncio.create_task(stream(drydock, task["task_id"]))
        async with asyncio.timeout(20):
            while not drydock.app.services.streams.open:
                await drydock.get(f"{V1}/health")
        async with asyncio.timeout(60):
            await drydock.app.stop()
        assert await reader


def test_an_event_is_one_line_of_data():
    assert encode(Event(7, "message", {"message": "a\nb"})) == (
        b'id: 7\nevent: message\ndata: {"message":"a\\nb"}\n\n'
    )


@pytest.mark.parametrize(("text", "number"), [(None, None), ("", None), (" 12 ", 12)])
def test_the_last_id_may_be_absent(text, number):
    assert last_id(text) == number


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "9" * 30])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(InvalidInput):
        last_id(text)


ONE = {
    "filter_set_type": "union",
    "filter_set": [{"filter_type": "union", "node_names": ["a01-control"]}],
}
