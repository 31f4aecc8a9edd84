import io
from pathlib import Path

import pytest
from rich.console import Console

from drydockd.api.event import MessageEvent, NodeEvent
from drydockd.api.message import Message
from drydockd.api.node import Node, NodeView
from drydockd.api.result import Result
from drydockd.cli.lab_view import Progress, show_findings, show_nodes, show_page, show_way_in
from tests.api.examples import MESSAGE, NODE, NODE_EVENT, NODE_VIEW, RESULT


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=120, height=20, highlight=False)


def node(name, action, status="complete", result="success"):
    event = NODE_EVENT | {"node": name, "action": action, "status": status, "result": result}
    return NodeEvent.model_validate(event)


def result(status="success", successes=(), failures=()):
    lists = {"successes": list(successes), "failures": list(failures)}
    return Result.model_validate(RESULT | {"status": status} | lists)


def test_without_a_terminal_each_step_of_a_node_is_a_line(console):
    with Progress("deploy_nodes", is_plain=True, console=console) as progress:
        progress.seen(node("n1", "apply_node_networking", "running", "incomplete"))
        progress.seen(node("n1", "apply_node_networking"))
        progress.seen(node("n1", "apply_node_networking"))
        progress.seen(node("n1", "deploy_node", result="failure"))
        progress.ended(result("failure", failures=["n1"]))
    lines = console.file.getvalue().splitlines()
    assert lines[:3] == [
        "deploy_nodes: started",
        "  n1: apply_node_networking success",
        "  n1: deploy_node failure",
    ]
    assert lines[3].startswith("deploy_nodes: failure (1 failed, ")


def said(text, name="n1", kind="node"):
    known = MESSAGE | {"task_id": "t1", "seq": 1, "message": text}
    return MessageEvent.model_validate(known | {"context": name, "context_type": kind})


@pytest.mark.parametrize(("tells", "times"), [(True, 1), (False, 0)])
def test_what_is_said_of_a_node_is_told_where_machines_are_real(console, tells, times):
    with Progress("deploy_nodes", is_plain=True, tells=tells, console=console) as progress:
        progress.seen(said("n1: agent started"))
        progress.seen(said("the system's account: lsblk", "01ABC", "bootaction"))
    shown = console.file.getvalue()
    assert shown.count("  n1: agent started") == times
    assert "lsblk" not in shown


def test_a_terminal_shows_the_last_word_beside_the_step(console):
    progress = Progress("deploy_nodes", is_plain=False, tells=True, console=console)
    progress.seen(node("n1", "deploy_node", "running", "incomplete"))
    progress.seen(said("n1: mkfs"))
    progress.seen(said("n1: unpack"))
    console.print(progress._table())
    assert "unpack" in console.file.getvalue()
    assert "mkfs" not in console.file.getvalue()


def test_more_nodes_than_lines_are_counted_by_step(console):
    progress = Progress("deploy_nodes", is_plain=False, console=console)
    for number in range(100):
        step = "deploy_node" if number < 30 else "apply_node_storage"
        progress.seen(node(f"n{number}", step, "running", "incomplete"))
    console.print(progress._table())
    shown = console.file.getvalue()
    assert "30 nodes" in shown
    assert "70 nodes" in shown


def test_the_table_names_reporting_boot_actions_and_counts_silent_ones(console):
    rows = [Node.model_validate(NODE | {"hostname": "n1", "boot_ip": None})]
    actions = [
        NODE_VIEW["boot_actions"][0] | {"action_name": name, "status": status}
        for name, status in (
            ("first-boot", "success"), ("welcome", "unreported"), ("packages", "unreported"),
        )
    ]  # fmt: skip
    views = [NodeView.model_validate(NODE_VIEW | {"hostname": "n1", "boot_actions": actions})]
    show_nodes(rows, views, result(successes=["n1"]), console)
    shown = console.file.getvalue()
    assert "first-boot success" in shown
    assert "2 that do not report" in shown
    assert "welcome" not in shown


def test_only_errors_are_shown_as_findings_and_markup_stays_text(console):
    said = [
        {"context": "n1", "message": "all [bold]well", "error": False},
        {"context": "n2", "message": "disk [red] is gone", "error": True},
    ]
    show_findings([Message.model_validate(MESSAGE | m) for m in said], "summary", console)
    assert console.file.getvalue() == "n2: disk [red] is gone\n"


def test_without_errors_the_summary_is_shown(console):
    show_findings([], "No NodeDriver enabled.", console)
    assert console.file.getvalue() == "No NodeDriver enabled.\n"


def test_the_page_is_told_with_a_link_that_stays_on_one_line(console):
    url = f"http://127.0.0.1:9000/ui/login/{'x' * 200}"
    show_page(url, console)
    assert console.file.getvalue() == f"page {url} (logs in once, within ten minutes)\n"


def test_the_way_in_names_the_token_file_and_never_the_token(console):
    show_way_in("http://127.0.0.1:9000", Path("/tmp/x"), console)
    shown = console.file.getvalue()
    assert shown.count("curl ") == 2
    assert "$(cat /tmp/x/token)" in shown
