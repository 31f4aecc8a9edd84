"""drydock task."""

import asyncio
import json
import signal
import subprocess
import sys
import threading

import pytest
import yaml
from click.testing import CliRunner

from drydockd.cli.root import cli
from tests.api.examples import BUILD_DATA, DRY_RUN, STATE_EVENT, TREE
from tests.client.helpers import a_task
from tests.handlers.helpers import REF, daemon

V1 = "/api/v1.0"
T = "77ad2a44-0c7c-4a3a-8a4f-2d7a5a7b6c22"
CREATE = ("task", "create", "-d", "file:///site.yaml", "-a", "deploy_nodes")


@pytest.fixture
def tasks(server):
    server.answers[f"POST {V1}/tasks"] = (201, a_task())
    server.answers[f"POST {V1}/tasks/{T}/retry"] = (201, a_task())
    server.answers[f"POST {V1}/tasks/{T}/terminate"] = (200, a_task("terminating"))
    server.answers[f"GET {V1}/tasks/{T}"] = (200, a_task("complete", "success"))
    return server


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "-a", "x"), "Error: Design reference must be specified using --design-ref"),
        (("create", "-d", "x"), "Error: Action must be specified using --action"),
        (("show",), "The task id must be specified by --task-id"),
        (("builddata",), "The task id must be specified by --task-id"),
        (("watch",), "The task id must be specified by --task-id"),
        (("errors",), "The task id must be specified by --task-id"),
        (("delete",), "The number of days must be specified using --days or -d"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_asked(drydock, server, arguments, message):
    result = drydock("task", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert server.asked == []


def test_create_sends_design_action_and_no_filter(drydock, tasks):
    result = drydock(*CREATE)
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert json.loads(result.stdout) == a_task()
    assert tasks.asked[0].json == {"design_ref": "file:///site.yaml", "action": "deploy_nodes"}


def test_create_sends_the_filter_and_the_switches(drydock, tasks):
    drydock(*CREATE, "-n", "n1,n2", "-r", "r1", "-t", "a", "--rack-labels", "x=y",
            "--all-nodes", "--dry-run")  # fmt: skip
    assert tasks.asked[0].json == {
        "design_ref": "file:///site.yaml",
        "action": "deploy_nodes",
        "all_nodes": True,
        "dry_run": True,
        "node_filter": {
            "filter_set_type": "intersection",
            "filter_set": [
                {
                    "filter_type": "union",
                    "node_names": ["n1", "n2"],
                    "rack_names": ["r1"],
                    "node_tags": ["a"],
                    "rack_labels": {"x": "y"},
                }
            ],
        },
    }


@pytest.mark.parametrize("verb", ["show", "errors", "retry", "terminate", "builddata"])
def test_the_id_may_stand_alone_or_with_its_option_but_not_be_two(drydock, tasks, verb):
    tasks.answers[f"GET {V1}/tasks/{T}/builddata"] = (200, [BUILD_DATA])
    alone, named = drydock("task", verb, T), drydock("task", verb, "-t", T)
    assert (alone.exit_code, alone.stdout) == (0, named.stdout)
    assert drydock("task", verb, T, "--task-id", T).exit_code == 0
    assert drydock("task", verb, T, "-t", "another").exit_code == 2


@pytest.mark.parametrize(
    ("status", "result", "code"),
    [
        ("complete", "success", 0),
        ("complete", "partial_success", 3),
        ("complete", "failure", 3),
        ("terminated", "success", 3),
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [(*CREATE, "--block"), ("task", "show", "-t", T, "-b"), ("task", "retry", "-t", T, "-b")],
)
def test_blocking_prints_the_end_and_exits_by_it(drydock, tasks, arguments, status, result, code):
    end = a_task(status, result)
    tasks.answers[f"GET {V1}/tasks/{T}"] = [(200, a_task("running")), (200, end)]
    done = drydock(*arguments, "--poll-interval", "0.1")
    assert (done.exit_code, json.loads(done.stdout)) == (code, end)


def test_blocking_ends_at_its_limit_with_one_line(drydock, tasks):
    tasks.answers[f"GET {V1}/tasks/{T}"] = (200, a_task("running"))
    done = drydock("task", "show", "-t", T, "-b", "--timeout", "0.2", "--poll-interval", "0.1")
    assert done.exit_code == 1
    assert done.stderr == (f"task {T}\nError: The task did not end within 0.2 s; it is running\n")


@pytest.mark.process
def test_ctrl_c_ends_the_waiting_and_leaves_the_id(tasks):
    asked = threading.Event()

    def running(_):
        asked.set()
        return 200, a_task("running")

    tasks.answers[f"GET {V1}/tasks/{T}"] = running
    command = [sys.executable, "-m", "drydockd.cli", "--url", tasks.url, *CREATE, "--block"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs in the background ignores it, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        first = process.stderr.readline()
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (130, "")
    assert first == f"task {T}\n"
    assert err == (
        f"\nThe task goes on. `drydock task wait {T}` waits again, "
        f"`drydock task terminate {T}` ends it.\n"
    )


def test_show_passes_its_switches_on(drydock, tasks):
    tasks.answers[f"GET {V1}/tasks/{T}"] = (200, TREE)
    result = drydock("task", "show", "-t", T, "--layers", "-1", "--builddata", "--subtaskerrors")
    assert result.exit_code == 0
    assert tasks.asked[0].query == {"layers": "-1", "builddata": "true", "subtaskerrors": "true"}
    assert json.loads(result.stdout) == TREE


def test_build_data_are_yaml_or_json(drydock, server):
    data = [BUILD_DATA | {"data_element": "<a>\n  ü\n</a>\n"}]
    server.answers[f"GET {V1}/tasks/{T}/builddata"] = (200, data)
    assert yaml.safe_load(drydock("task", "builddata", "-t", T).stdout) == data
    assert json.loads(drydock("task", "builddata", "-t", T, "-o", "json").stdout) == data
    odd = drydock("task", "builddata", "-t", T, "-o", "xml")
    assert odd.exit_code == 0
    assert yaml.safe_load(odd.stdout) == data


def test_errors_are_told_by_cause_or_whole(drydock, tasks):
    good = {"message": "fine", "error": False}
    bad = {"message": "broke", "error": True, "context_type": "node", "context": "n1", "ts": "T1"}
    tasks.answers[f"GET {V1}/tasks/{T}"] = (
        200,
        a_task("complete", "failure", [good, bad], subtask_errors={}),
    )
    assert drydock("task", "errors", "-t", T).stdout == "1 node: n1, first T1\n  broke\n"
    assert T in json.loads(drydock("task", "errors", "-t", T, "-o", "json").stdout)


def test_delete_says_the_fixed_text(drydock, server):
    server.answers[f"DELETE {V1}/tasks"] = (200, {"message": "x"})
    assert drydock("task", "delete", "-d", "30").stdout == "Task table purged successfully.\n"
    assert server.asked[0].query == {"days": "30"}
    assert drydock("task", "delete", "--days=-1").exit_code == 2


def test_terminate_and_retry_print_the_task(drydock, tasks):
    assert json.loads(drydock("task", "terminate", "-t", T).stdout)["status"] == "terminating"
    assert json.loads(drydock("task", "retry", "-t", T).stdout)["status"] == "queued"


def test_events_are_one_json_object_a_line(drydock, server):
    state = json.dumps(STATE_EVENT)
    stream = f"id: 1\nevent: state\ndata: {state}\n\nid: 2\nevent: new\ndata: {{}}\n\n".encode()
    server.answers[f"GET {V1}/tasks/{T}/events"] = (200, stream)
    lines = drydock("task", "events", "-t", T, "--after", "0").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["1", "2"]
    assert [json.loads(line)["data"] for line in lines] == [STATE_EVENT, {}]
    assert server.asked[0].headers["Last-Event-ID"] == "0"


async def test_the_commands_drive_a_real_daemon(tmp_path):
    async with daemon(tmp_path) as running:
        options = ["--url", running.app.url, "--os-token", running.token("admin")]

        async def drydock(*arguments):
            invoke = CliRunner().invoke
            return await asyncio.to_thread(invoke, cli, [*options, *arguments])

        made = await drydock("task", "create", "-d", REF, "-a", "validate_design", "--block")
        assert made.exit_code == 0, made.output
        task = json.loads(made.stdout)
        assert (task["status"], task["result"]["status"]) == ("complete", "success")
        shown = await drydock("task", "show", "-t", task["task_id"], "--layers", "-1")
        assert json.loads(shown.stdout)["init_task_id"] == task["task_id"]
        events = await drydock("task", "events", "-t", task["task_id"])
        assert json.loads(events.stdout.splitlines()[-1])["data"]
        for arguments in (
            ("task", "list", "-o", "table"),
            ("task", "list", "--all", "--latest", "--columns", "action,progress"),
            ("task", "watch", task["task_id"]),
            ("task", "wait", task["task_id"], task["task_id"]),
            ("bootaction", "list"),
            ("node", "list", "--sort", "-hostname"),
            ("task", "errors", "-t", task["task_id"]),
            ("task", "delete", "-d", "30"),
            ("node", "list"),
            ("node", "filter", "-d", REF),
            ("health",),
            ("health", "--extended"),
            ("versions",),
            ("task", "create", "-d", REF, "-a", "deploy_nodes", "--dry-run"),
        ):
            done = await drydock(*arguments)
            assert done.exit_code == 0, (arguments, done.output)
        gone = await drydock("task", "show", "-t", "nonsense")
        assert (gone.exit_code, gone.stderr) == (
            1,
            "Error: Task nonsense does not exist (HTTP 404)\n",
        )


def a_plan(**unmatched):
    return DRY_RUN | {"unmatched": unmatched}


def test_a_task_for_a_node_that_does_not_exist_is_not_created(drydock, server):
    server.answers[f"POST {V1}/tasks"] = (200, a_plan(nod1="node1"))

    result = drydock("task", "create", "-d", "ref", "-a", "destroy_nodes", "-n", "nod1,node2", "-b")

    assert (result.exit_code, result.stdout) == (3, "")
    assert "no node of the design is called nod1; did you mean node1?" in result.stderr
    (asked,) = server.asked
    assert asked.json["dry_run"] is True


def test_a_task_for_nodes_that_exist_is_created(drydock, server):
    server.answers[f"POST {V1}/tasks"] = [(200, a_plan()), (201, a_task())]

    result = drydock(*CREATE, "-n", "node1")

    assert (result.exit_code, json.loads(result.stdout)) == (0, a_task())


def test_where_nobody_can_tell_beforehand_the_task_is_created(drydock, server):
    server.answers[f"POST {V1}/tasks"] = [(503, {"message": "away"}), (201, a_task())]

    assert drydock(*CREATE, "-n", "node1").exit_code == 0


def test_a_dry_run_prints_the_plan_and_names_who_does_not_exist(drydock, server):
    server.answers[f"POST {V1}/tasks"] = (200, a_plan(x=None))

    result = drydock(*CREATE, "-n", "x", "--dry-run")

    assert (result.exit_code, json.loads(result.stdout)) == (3, a_plan(x=None))
    assert "is called x." in result.stderr
