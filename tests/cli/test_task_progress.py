"""How a task goes that is waited for."""

import io
import json
import threading

import pytest

from drydockd.api.event import KINDS
from drydockd.api.task import Task
from drydockd.cli.task_progress import shown
from drydockd.client import ClientError, Event
from tests.api.examples import STATE_EVENT
from tests.client.helpers import a_task

V1 = "/api/v1.0"
TASK = Task.model_validate(a_task())
STATE = STATE_EVENT | {"task_id": TASK.task_id, "action": "deploy_nodes", "status": "running"}
NODE = STATE | {"task_id": "n", "action": "deploy_node", "node": "n1"}


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Events:
    """A client that tells some events, then what else is to come; `told`: all were taken."""

    def __init__(self, *events, error=None):
        self.events, self.error, self.told = events, error, threading.Event()

    def watch_task(self, task_id):
        assert task_id == TASK.task_id
        for kind, data in self.events:
            yield Event("1", kind, KINDS[kind].model_validate(data))
        self.told.set()
        if self.error:
            raise self.error


def progress(stream, *events, error=None):
    client = Events(*events, error=error)
    with shown(client, TASK, stream):
        assert client.told.wait(30)
    return stream.getvalue()


def test_on_a_terminal_it_is_one_line_that_changes_and_goes(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = progress(Terminal(), ("state", STATE), ("node", NODE))
    assert "\n" not in text
    lines = text.split("\r\x1b[2K")
    assert lines[0] == lines[-1] == ""
    assert "deploy_nodes" in lines[1]
    assert "| deploy_node 1 at work" in lines[2]
    assert "\x1b[3" not in text, "no colour, whatever NO_COLOR says"


def test_elsewhere_each_event_is_a_plain_line():
    text = progress(io.StringIO(), ("state", STATE), ("node", NODE))
    assert "\x1b" not in text
    assert [len(line.split()) > 2 for line in text.splitlines()] == [True, True]
    assert "n1 deploy_node" in text


def test_events_that_cannot_be_followed_do_not_end_the_waiting():
    text = progress(io.StringIO(), error=ClientError("forbidden", 403))
    assert "cannot be followed" in text


@pytest.mark.parametrize("option", ["--wait", "--block"])
def test_the_output_is_the_task_alone(drydock, server, option):
    task = a_task("complete", "success")
    server.answers[f"POST {V1}/tasks"] = (201, a_task())
    server.answers[f"GET {V1}/tasks/{TASK.task_id}"] = (200, task)
    end = STATE | {"status": "complete", "result": "success"}
    stream = f"id: 1\nevent: state\ndata: {json.dumps(end)}\n\n".encode()
    server.answers[f"GET {V1}/tasks/{TASK.task_id}/events"] = (
        200, stream, {"Content-Type": "text/event-stream"},
    )  # fmt: skip
    result = drydock("task", "create", "-d", "file:///s.yaml", "-a", "deploy_nodes", option)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == task
    assert ("deploy_nodes complete" in result.stderr) == (option == "--wait")
