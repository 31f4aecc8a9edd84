"""drydock events."""

import json

import yaml

from drydockd.api.event import KINDS
from drydockd.cli.events import line
from drydockd.client import Event
from tests.api.examples import STATE_EVENT

V1 = "/api/v1.0"
STREAM = {"Content-Type": "text/event-stream"}


def sent(*events):
    lines = [f"id: {i}\nevent: {kind}\ndata: {json.dumps(data)}\n\n" for i, kind, data in events]
    return 200, "".join(lines).encode(), STREAM


EVENTS = sent((1, "gap", {"message": "kept no more"}), (2, "place", {}), (3, "state", STATE_EVENT))


def test_what_is_kept_is_printed_a_line_each(drydock, server):
    server.answers[f"GET {V1}/events"] = EVENTS
    result = drydock("events")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    assert STATE_EVENT["task_id"] in result.stdout
    assert server.asked[0].query == {"follow": "false"}
    assert server.asked[0].headers["Last-Event-ID"] == "0"


def test_json_is_a_line_and_yaml_a_document_each(drydock, server):
    server.answers[f"GET {V1}/events"] = EVENTS
    told = {"id": "3", "event": "state", "data": STATE_EVENT}
    result = drydock("events", "-o", "json", "--node", "n1", "--kind", "state", "--task", "t")
    assert json.loads(result.stdout) == told
    assert server.asked[0].query == {
        "follow": "false", "node": "n1", "kind": "state", "task": "t",
    }  # fmt: skip
    assert list(yaml.safe_load_all(drydock("events", "-o", "yaml").stdout)) == [told]


def test_following_goes_on_behind_the_last_event(drydock, server, monkeypatch):
    monkeypatch.setattr("drydockd.client.watching.PATIENCE_SECONDS", -1)
    monkeypatch.setattr("drydockd.client.watching.time.sleep", lambda seconds: None)
    server.answers[f"GET {V1}/events"] = EVENTS
    result = drydock("events", "--follow", "--after", "7")
    assert server.asked[0].headers["Last-Event-ID"] == "7"
    assert server.asked[0].query == {}
    # Here the server ends the stream each time, which it never does.
    assert result.exit_code == 1
    assert "gap: kept no more" in result.stdout


def test_a_line_says_who_and_what():
    for kind, data, words in (
        ("message", {"task_id": "t", "seq": 1, "message": "no power", "error": True,
                     "context_type": "node", "context": "n1", "ts": "2026", "extra": {}},
         "2026 n1: ! no power"),
        ("boot_action", {"action_id": "A", "action_name": "join", "node": "n1", "task_id": "t",
                         "status": "failure", "updated": "2026"},
         "2026 n1: boot action join failure"),
    ):  # fmt: skip
        assert line(Event("1", kind, KINDS[kind].model_validate(data))) == words
    assert line(Event("1", "newer", {"a": "\x1b[31m"})) == "newer: {'a': '\\x1b[31m'}"
