"""drydock task list."""

import json

import pytest

from drydockd.api.task import Task
from drydockd.cli import task_list
from drydockd.cli.task_list import progress, row, seconds
from tests.api.examples import STATUS
from tests.client.helpers import a_task

V1 = "/api/v1.0"
OPEN = STATUS["tasks"][0]["task_id"]


def at(hour, number, **more):
    times = {
        "created": f"2026-01-31T{hour:02}:00:00.5+00:00",
        "updated": "2026-01-31T12:01:02+00:00",
    }
    return a_task(
        **{"status": "complete", "result": "success", "task_id": f"t{number}", **times, **more}
    )


@pytest.fixture
def tasks(server):
    old = at(9, 1, created_by="ann")
    new = at(11, 2) | {"result": at(11, 2)["result"] | {"status": "failure", "failures": ["n1"]}}
    child = at(10, 3, parent_task_id="t1")
    server.answers[f"GET {V1}/tasks"] = (200, [old, child, new])
    return server


def ids(result):
    assert result.exit_code == 0, result.output
    return [task["task_id"] for task in json.loads(result.stdout)]


def test_the_newest_is_first_and_subtasks_are_left_out_unless_asked_for(drydock, tasks):
    result = drydock("task", "list")
    assert ids(result) == ["t2", "t1"]
    assert result.stdout.count("\n") == 1
    assert tasks.asked[0].query == {"top_level": "true", "order": "newest"}
    assert ids(drydock("task", "list", "--all")) == ["t2", "t3", "t1"]
    assert tasks.asked[1].query == {"order": "newest"}


def test_what_matches_is_listed_up_to_a_limit(drydock, tasks):
    assert ids(drydock("task", "list", "--latest")) == ["t2"]
    assert tasks.asked[0].query["limit"] == "1"
    narrow = ("--status", "complete", "--action", "deploy_nodes", "--node", "n1", "--marker", "t9")
    assert ids(drydock("task", "list", *narrow, "--limit", "5")) == ["t2", "t1"]
    assert tasks.asked[1].query == {
        "status": "complete", "action": "deploy_nodes", "node": "n1", "marker": "t9",
        "limit": "5", "top_level": "true", "order": "newest",
    }  # fmt: skip


def test_what_the_server_cannot_narrow_is_narrowed_before_the_limit(drydock, tasks):
    assert ids(drydock("task", "list", "--result", "success", "--latest")) == ["t1"]
    assert ids(drydock("task", "list", "--created-by", "ann", "--limit", "1")) == ["t1"]
    assert "limit" not in tasks.asked[0].query


def test_the_table_has_nodes_progress_and_duration_of_ended_and_open_tasks(drydock, server):
    ended = at(11, 1)
    ended["result"] = ended["result"] | {"successes": ["n1", "n2"], "failures": ["n3"]}
    server.answers[f"GET {V1}/tasks"] = (200, [at(12, OPEN, status="running", task_id=OPEN), ended])
    server.answers[f"GET {V1}/status"] = (200, STATUS)
    lines = drydock("task", "list", "-o", "table").stdout.splitlines()
    titles, first, second = [
        [cell.strip() for cell in lines[n].strip("|").split("|")] for n in (1, 3, 4)
    ]
    assert titles == ["Task", "Action", "Status", "Result", "Nodes", "Progress", "Created",
                      "Duration", "By"]  # fmt: skip
    assert first[:6] == [OPEN, "deploy_nodes", "running", "success", "3",
                         "1/3, 1 failed, in deploy_node"]  # fmt: skip
    assert second == ["t1", "deploy_nodes", "complete", "success", "3", "2/3, 1 failed",
                      "2026-01-31T11:00:00", "1:01:01", "ops"]  # fmt: skip


def test_on_a_terminal_it_is_a_table_of_the_newest(drydock, server, monkeypatch):
    monkeypatch.setattr(task_list, "is_terminal", lambda: True)
    monkeypatch.setattr(task_list, "ON_TERMINAL", 2)
    server.answers[f"GET {V1}/tasks"] = (200, [at(9, n, task_id=f"t{n}") for n in range(3)])
    shown = drydock("task", "list")
    assert [line.split()[1] for line in shown.stdout.splitlines()[3:-1]] == ["t2", "t1"]
    assert shown.stderr == "These are the newest 2; --limit NUMBER shows more.\n"
    assert server.asked[0].query["limit"] == "3"
    whole = drydock("task", "list", "--limit", "9")
    assert (whole.stdout.count("| t"), whole.stderr) == (3, "")
    assert len(ids(drydock("task", "list", "-o", "json"))) == 3


def test_who_may_not_see_the_status_sees_the_tasks_all_the_same(drydock, server):
    server.answers[f"GET {V1}/tasks"] = (200, [at(9, 1, status="running")])
    server.answers[f"GET {V1}/status"] = (403, {"message": "Forbidden"})
    assert "| t1 " in drydock("task", "list", "-o", "table").stdout


def test_columns_mean_a_table_and_sorting_is_by_value(drydock, tasks):
    shown = drydock("task", "list", "--columns", "task_id,failures", "--sort", "task_id").stdout
    assert [line.split()[1] for line in shown.splitlines()[3:-1]] == ["t1", "t2"]
    assert "n1" in shown
    assert ids(drydock("task", "list", "--sort", "-duration")) == ["t1", "t2"]
    assert drydock("task", "list", "--columns", "task_id", "-o", "json").exit_code == 2
    assert drydock("task", "list", "--sort", "siez").exit_code == 2


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ((0, 0, 0, None), None),
        ((3, None, None, "x"), None),
        ((3, 3, 0, None), "3/3"),
        ((3, 1, 1, "deploy_node"), "1/3, 1 failed, in deploy_node"),
    ],
)
def test_progress_is_passed_failed_and_step(known, text):
    assert progress(*known) == text


def test_a_duration_is_never_negative_and_reads_the_times_of_the_original():
    assert seconds("2026-01-31T10:00:00", "2026-01-31T10:00:05+00:00") == 5
    assert seconds("2026-01-31 10:00:00.5", "2026-01-31 10:00:01") == 0.5
    assert seconds("2999-01-01T00:00:00+00:00", None) == 0


def test_a_task_that_nobody_tells_more_about_has_what_its_record_has():
    found = row(Task.model_validate(at(9, 1, status="running")))
    assert (found["nodes"], found["progress"]) == (None, None)
