"""Following a task: over streams that break, servers that are away, and to the end only."""

import json

import pytest

from drydockd.api.event import StateEvent
from drydockd.client import ClientConnectionError, ClientError, Event, watching
from tests.api.examples import STATE_EVENT, TASK_ID

V1 = "/api/v1.0"


def state(number, status="running", **more):
    data = StateEvent.model_validate(STATE_EVENT | {"status": status} | more)
    return Event(str(number), "state", data)


@pytest.fixture
def pauses(monkeypatch):
    """Time that passes only when somebody sleeps."""
    made = []
    monkeypatch.setattr(watching.time, "sleep", made.append)
    monkeypatch.setattr(watching.time, "monotonic", lambda: 100.0 + sum(made))
    return made


def streams(*several):
    """Streams opened one after another; an exception in one breaks it there."""
    left, asked = list(several), []

    def stream(last_id):
        asked.append(last_id)
        for one in left.pop(0) if len(left) > 1 else left[0]:
            if isinstance(one, Exception):
                raise one
            yield one

    return stream, asked


def followed(stream):
    return [event.id for event in watching.follow(stream, TASK_ID)]


def test_it_ends_with_the_task_and_not_with_one_of_its_subtasks(pauses):
    stream, _ = streams([state(1, "complete", task_id="child"), state(2, "complete"), state(3)])
    assert followed(stream) == ["1", "2"]
    assert pauses == []


def test_a_stream_that_breaks_or_ends_early_goes_on_behind_its_last_event(pauses):
    stream, asked = streams(
        [state(1), ClientConnectionError("cut")],
        [ClientError("starting", 503)],
        [state(2)],
        [state(3, "terminated")],
    )
    assert followed(stream) == ["1", "2", "3"]
    assert asked == [None, "1", "1", "2"]
    assert pauses == [0.5, 1.0, 0.5]


def test_who_stays_away_for_a_minute_is_given_up(pauses):
    stream, _ = streams([ClientConnectionError("nobody there")])
    with pytest.raises(ClientConnectionError, match="nobody there"):
        followed(stream)
    assert 60 < sum(pauses) < 80


@pytest.mark.parametrize("code", [401, 404, 429])
def test_a_refusal_is_not_waited_out(pauses, code):
    stream, _ = streams([ClientError("no", code)])
    with pytest.raises(ClientError, match="no"):
        followed(stream)
    assert pauses == []


def test_the_client_watches_under_the_name_the_server_gives(client, server):
    from tests.client.helpers import a_task

    event = f"id: 7\nevent: state\ndata: {json.dumps(STATE_EVENT | {'status': 'complete'})}\n\n"
    server.answers[f"GET {V1}/tasks/{TASK_ID.upper()}"] = (200, a_task())
    server.answers[f"GET {V1}/tasks/{TASK_ID}/events"] = (200, event.encode())
    assert [e.id for e in client.watch_task(TASK_ID.upper())] == ["7"]
