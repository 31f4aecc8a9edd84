import asyncio
import json

import pytest

from drydockd.api.event import KINDS
from drydockd.errors import InvalidInput
from drydockd.handlers.events import encode, last_id
from drydockd.model import Message
from drydockd.store.base import Put
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


async def everything(drydock, query="", until=None, **headers):
    """Return what the stream of everything tells, without places, to its end or that of a task."""
    found, lines = [], []
    async with drydock.http.stream(
        "GET", f"{V1}/events{query}", headers=drydock.admin | headers
    ) as answer:
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if line.startswith(("id: ", "event: ", "data: ")):
                lines.append(line.partition(": ")[2])
            if len(lines) == 3:
                check(KINDS[lines[1]], lines[2].encode(), lines[1])
                event = (lines[0], lines[1], json.loads(lines[2]))
                lines = []
                if event[1] != "place":
                    found.append(event)
                if until is not None and event[2].get("task_id") == until and is_end(event):
                    return found
    return found


def is_end(event):
    return event[2].get("status") in ("complete", "terminated")


async def test_everything_goes_on_over_a_restart_without_gap_or_double(tmp_path):
    async with daemon(tmp_path, store={"backend": "tiny"}) as drydock:
        reader = asyncio.create_task(everything(drydock, until="-"))
        async with asyncio.timeout(20):
            while not drydock.app.services.streams.open:
                await drydock.get(f"{V1}/health")
        first = await drydock.task(action="verify_site")
        await drydock.app.stop()
        # The stream ends with the daemon.
        seen = await reader
    assert seen
    async with daemon(tmp_path, store={"backend": "tiny"}) as drydock:
        rest = await everything(drydock, "?follow=false", **{"Last-Event-ID": seen[-1][0]})
        second = await drydock.task(action="verify_site")
        last = (rest or seen)[-1][0]
        rest += await everything(drydock, "?follow=false", **{"Last-Event-ID": last})
        whole = await everything(drydock, "?follow=false&last_event_id=0")
    assert seen + rest == whole
    told = {event[2]["root_task_id"] for event in whole}
    assert told == {first["task_id"], second["task_id"]}


async def test_everything_is_narrowed_by_node_task_and_kind(drydock):
    await drydock.task(action="prepare_nodes", node_filter=ONE)
    task = await drydock.task(action="verify_site")
    past = "?follow=false&last_event_id=0"
    found = await everything(drydock, f"{past}&task={task['task_id'].upper()}")
    assert {event[2]["root_task_id"] for event in found} == {task["task_id"]}
    found = await everything(drydock, f"{past}&kind=node,boot_action")
    assert {event[1] for event in found} == {"node"}
    assert await everything(drydock, f"{past}&kind=node&node=a01-control") == found
    assert await everything(drydock, f"{past}&kind=node&node=nobody") == []


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("last_event_id=x", 400, "Last-Event-ID"),
        ("kind=node,nodes", 400, "nodes is none of state, node, message, boot_action"),
        ("follow=perhaps", 400, "follow"),
        ("task=77ad2a44-0c7c-4a3a-8a4f-2d7a5a7b6c22", 404, "does not exist"),
    ],
)
async def test_what_the_stream_of_everything_cannot_use_is_named(drydock, query, status, word):
    answer = await drydock.get(f"{V1}/events?{query}")
    assert answer.status_code == status
    assert word in answer.json()["message"]


async def test_streams_of_everything_are_counted_with_the_others(tmp_path):
    async with daemon(tmp_path, api={"event_streams": 1}) as drydock:
        with drydock.app.services.streams.taken("somebody else"):
            answer = await drydock.get(f"{V1}/events")
        assert answer.status_code == 503


async def test_a_reader_of_everything_that_takes_nothing_is_dropped_and_can_go_on(
    tmp_path, monkeypatch
):
    """Nothing waits for it in memory: it reads the rest when it comes again."""
    monkeypatch.setattr("drydockd.handlers.events.SLOW_SECONDS", 0.2)
    async with daemon(tmp_path) as drydock:
        task = await drydock.task(action="verify_site")
        text = "x" * 60_000
        store, streams = drydock.app.services.store, drydock.app.services.streams
        host, _, port = drydock.app.url.removeprefix("http://").rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1024)
        token = "".join(f"{name}: {value}\r\n" for name, value in drydock.admin.items())
        writer.write(f"GET {V1}/events HTTP/1.1\r\nHost: x\r\n{token}\r\n".encode())
        async with asyncio.timeout(60):
            while not streams.open:
                await drydock.get(f"{V1}/health")
            before = store.message_count(task["task_id"])
            while streams.open:
                await store.write(Put(Message(task["task_id"], text)))
        writer.close()
        written = store.message_count(task["task_id"]) - before
        told = await everything(drydock, "?follow=false&last_event_id=0&kind=message")
        assert sum(event[2]["message"] == text for event in told) == written > 1
