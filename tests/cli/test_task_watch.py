"""drydock task watch and task wait."""

import asyncio
import json
import os
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from drydockd.api.event import MessageEvent, NodeEvent, StateEvent
from drydockd.cli import task_watch
from drydockd.cli.root import cli
from tests.api.examples import MESSAGE_EVENT, NODE_EVENT, STATE_EVENT, TASK_ID, TIME
from tests.client.helpers import a_task
from tests.handlers.helpers import QUICK, REF, daemon

V1 = "/api/v1.0"
FAILING = {
    "config": QUICK | {"faults": [{"fault": "commission_fails", "machines": ["a02-compute"]}]}
}


def ends(server, **tasks):
    for name, (status, result) in tasks.items():
        task = a_task(status, result, task_id=name)
        server.answers[f"GET {V1}/tasks/{name}"] = (200, task)


def test_wait_tells_each_end_and_leaves_with_0_when_all_succeeded(drydock, server):
    ends(server, t1=("complete", "success"), t2=("complete", "success"))
    result = drydock("task", "wait", "t1", "t2", "t1")
    assert (result.exit_code, result.stdout) == (
        0,
        "t1 deploy_nodes complete: success, 0:00:00\nt2 deploy_nodes complete: success, 0:00:00\n",
    )
    shown = drydock("task", "wait", "t1", "-o", "json").stdout
    assert json.loads(shown)["task_id"] == "t1"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (("complete", "partial_success"), 3),
        (("complete", "failure"), 3),
        (("terminated", "success"), 3),
        (("running", "incomplete"), 4),
    ],
)
def test_wait_leaves_with_what_the_worst_came_to(drydock, server, end, code):
    ends(server, t1=end, t2=("complete", "success"), t3=("complete", "failure"))
    result = drydock("task", "wait", "t1", "t2", "--timeout", "0.2", "--poll-interval", "0.1")
    assert result.exit_code == code
    assert "t2 deploy_nodes complete: success" in result.stdout
    assert ("t1 deploy_nodes running, has not ended in time" in result.stderr) == (code == 4)
    worst = drydock("task", "wait", "t3", "t1", "--timeout", "0.2", "--poll-interval", "0.1")
    assert worst.exit_code == code


def test_wait_for_what_does_not_exist_leaves_with_1(drydock, server):
    result = drydock("task", "wait", "t9")
    assert (result.exit_code, result.stderr) == (1, "Error: no such (HTTP 404)\n")


async def test_watch_shows_steps_nodes_and_messages_of_a_real_task_up_to_its_end(tmp_path):
    async with daemon(tmp_path, fake_driver=FAILING) as running:
        options = ["--url", running.app.url, "--os-token", running.token("admin")]
        body = {"design_ref": REF, "action": "prepare_nodes"}
        made = (await running.post(f"{V1}/tasks", body)).json()
        watch = [*options, "task", "watch", made["task_id"]]
        result = await asyncio.to_thread(CliRunner().invoke, cli, watch)
        assert result.exit_code == 3
        lines = result.stdout.splitlines()
        assert any("a02-compute configure_hardware complete" in line for line in lines)
        assert any(" error: Node a02-compute failed configure_hardware" in line for line in lines)
        assert lines[-2].endswith("prepare_nodes complete: partial_success")
        assert lines[-1].startswith(f"{made['task_id']} prepare_nodes complete: partial_success")
        assert "failed: a02-compute" in lines[-1]


def heard(*events):
    view = task_watch.Watched(TASK_ID, "deploy_nodes", TIME)
    for event in events:
        list(view.heard(event))
    return view


def node(name, status, result="incomplete", **more):
    said = {"node": name, "status": status, "result": result, "action": "deploy_node"}
    return NodeEvent.model_validate(NODE_EVENT | said | more)


def test_the_screen_counts_nodes_by_step_their_newest_attempts_only():
    view = heard(
        StateEvent.model_validate(STATE_EVENT),
        StateEvent.model_validate(STATE_EVENT | {"task_id": "s", "action": "deploy_node"}),
        node("n1", "running"),
        node("n1", "complete", "success"),
        node("n2", "complete", "failure"),
        node("n2", "running", retry=1),
        node("n2", "complete", "failure"),  # the tree came again
        node("n3", "requested"),
        node("n4", "complete", "failure", retry=3),
        MessageEvent.model_validate(MESSAGE_EVENT | {"message": "a\x1b[31m"}),
    )
    head, step, said = view.screen()
    assert head.startswith(f"deploy_nodes {TASK_ID} running, 2 nodes, ")
    assert step.split() == ["deploy_node", "1", "passed,", "1", "failed,", "1", "at", "work,", "1",
                            "waiting"]  # fmt: skip
    assert said == f"{TIME[:19]} cab01-n08 error: a?[31m"


def test_before_anything_is_heard_there_is_a_screen_too():
    assert heard().screen() == ["deploy_nodes: ..."]


def test_a_thousand_messages_leave_the_screen_small():
    view = heard(*[MessageEvent.model_validate(MESSAGE_EVENT)] * 1000)
    assert len(view.screen()) == 1 + task_watch.SHOWN_MESSAGES


@pytest.mark.process
def test_on_a_terminal_the_steps_stand_on_a_screen_and_the_end_below_it(server):
    events = [
        ("state", STATE_EVENT),
        ("node", NODE_EVENT | {"task_id": "n", "action": "deploy_node", "node": "n1"}),
        ("state", STATE_EVENT | {"status": "complete", "result": "failure"}),
    ]
    stream = "".join(
        f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
        for number, (kind, data) in enumerate(events)
    )
    server.answers[f"GET {V1}/tasks/{TASK_ID}"] = (200, a_task("complete", "failure"))
    server.answers[f"GET {V1}/tasks/{TASK_ID}/events"] = (200, stream.encode())
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "drydockd.cli", "--url", server.url, "task", "watch", TASK_ID]
    child = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""
    while chunk := read(ours):
        shown += chunk
    os.close(ours)
    assert child.wait(20) == 3
    assert b"deploy_node                  1 at work" in shown
    assert f"{TASK_ID} deploy_nodes complete: failure".encode() in shown


def read(terminal):
    """What comes next; nothing once the other side is closed, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["watch", "wait"])
async def test_it_goes_on_when_the_daemon_is_started_again(tmp_path, verb):
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    kept = {"api": {"listen": listen}, "store": {"backend": "tiny"}}
    hanging = {"config": QUICK | {"faults": [{"fault": "commission_hangs"}]}}
    async with daemon(tmp_path, fake_driver=hanging, **kept) as first:
        options = ["--url", first.app.url, "--os-token", first.token("admin")]
        body = {"design_ref": REF, "action": "prepare_nodes"}
        task_id = (await first.post(f"{V1}/tasks", body)).json()["task_id"]
        asked = asyncio.to_thread(CliRunner().invoke, cli, [*options, "task", verb, task_id])
        running = asyncio.ensure_future(asked)
        services = first.app.services
        held = services.streams if verb == "watch" else services.polls
        while not held.open:
            await first.get(f"{V1}/tasks/{task_id}", params={"wait": 1})
    assert not running.done()
    async with daemon(tmp_path, fake_driver={"config": QUICK}, **kept) as second:
        ended = await second.ended(task_id)
        result = await running
    status = ended["result"]["status"]
    assert result.exit_code == (0 if status == "success" else 3)
    last = result.stdout.splitlines()[-1]
    assert last.startswith(f"{task_id} prepare_nodes complete: {status}")
