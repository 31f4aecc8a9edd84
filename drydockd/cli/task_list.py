"""`drydock task list`: tasks in a table, the newest first."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from drydockd.cli.columns import Row, Table
from drydockd.cli.output import echo_json, output_option
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.api.status import OpenTask
    from drydockd.api.task import Task
    from drydockd.client import Client

# So many stand on a terminal, where the newest would scroll away, unless --limit says otherwise.
ON_TERMINAL = 50
# What only the status of the daemon tells of a task that has not ended.
OF_OPEN = ("nodes", "progress")


def clock(seconds: object) -> str:
    """Return a number of seconds as hours, minutes and seconds, days before them."""
    return str(timedelta(seconds=int(float(str(seconds)))))


TABLE = Table(
    {
        "task_id": "Task",
        "action": "Action",
        "status": "Status",
        "result": "Result",
        "nodes": "Nodes",
        "progress": "Progress",
        "created": "Created",
        "duration": "Duration",
        "created_by": "By",
        "updated": "Updated",
        "errors": "Errors",
        "failures": "Failed Nodes",
        "message": "Message",
        "design_ref": "Design",
        "parent_task_id": "Parent",
        "retry_of": "Retry Of",
    },
    ("task_id", "action", "status", "result", "nodes", "progress", "created", "duration",
     "created_by"),
    {"duration": clock, "created": lambda time: str(time)[:19]},
)  # fmt: skip


@click.command("list")
@click.option("--status", help="Only those in this status.")
@click.option("--result", help="Only those with this result, such as failure.")
@click.option("--action", help="Only those of this action.")
@click.option("--node", help="Only those for this node.")
@click.option("--created-by", help="Only those of this user.")
@click.option("--all", "with_subtasks", is_flag=True, help="With their subtasks.")
@click.option("--latest", is_flag=True, help="Only the newest one that matches.")
@click.option("--limit", type=click.IntRange(min=1), help="So many at most.")
@click.option("--marker", help="Only those after this task, which are older.")
@TABLE.options
@output_option(
    None,
    "table",
    "json",
    about="How to print it. Default: table on a terminal or with --columns, else json.",
)
@with_client()
def command(
    client: Client,
    /,
    columns: list[str] | None,
    sort: str | None,
    output: str | None,
    limit: int | None,
    latest: bool,
    with_subtasks: bool,
    **wanted: str | None,
) -> None:
    """List tasks, the newest first, without their subtasks.

    Progress is how many of the nodes passed every step, how many failed, and the first step that
    some are still in. Duration is from creation to the end, or until now. Times are in UTC.
    On a terminal the newest 50 are shown, unless --limit says otherwise.
    """
    if columns is not None and output == "json":
        raise click.UsageError("--columns is for tables: json has everything")
    is_table = output == "table" or (output is None and (bool(columns) or is_terminal()))
    most = 1 if latest else limit
    is_cut = most is None and is_table and is_terminal()
    tasks = _tasks(client, with_subtasks, ON_TERMINAL + 1 if is_cut else most, **wanted)
    has_more = is_cut and len(tasks) > ON_TERMINAL
    tasks = tasks[:ON_TERMINAL] if is_cut else tasks
    needed = {*(columns or TABLE.shown), (sort or "").removeprefix("-")}
    needs_open = bool(needed.intersection(OF_OPEN)) and (is_table or sort is not None)
    told = _open(client, tasks) if needs_open else {}
    by_id = {task.task_id: task for task in tasks}
    rows = TABLE.in_order([row(task, told.get(task.task_id)) for task in tasks], sort)
    if is_table:
        TABLE.echo(rows, columns)
    else:
        echo_json([by_id[str(one["task_id"])] for one in rows])
    if has_more:
        click.echo(f"These are the newest {ON_TERMINAL}; --limit NUMBER shows more.", err=True)


def is_terminal() -> bool:
    return sys.stdout.isatty()


def _tasks(
    client: Client,
    with_subtasks: bool,
    limit: int | None,
    *,
    result: str | None,
    created_by: str | None,
    **asked: str | None,
) -> list[Task]:
    """What matches, the newest first, also of a server that knows neither order nor levels."""
    is_whole = result is None and created_by is None
    found = client.get_tasks(
        limit=limit if is_whole else None,
        top_level=not with_subtasks,
        newest_first=True,
        **asked,
    )
    found = [
        task
        for task in found
        if (with_subtasks or task.parent_task_id is None)
        and result in (None, task.result.status)
        and created_by in (None, task.created_by)
    ]
    found.sort(key=lambda task: (task.created, task.task_id), reverse=True)
    return found[:limit]


def _open(client: Client, tasks: Sequence[Task]) -> Mapping[str, OpenTask]:
    """What the daemon tells of tasks under way; nothing where the caller may not ask."""
    from drydockd.client import ClientError

    if all(task.status.is_final for task in tasks):
        return {}
    try:
        return {task.task_id: task for task in client.get_status().tasks}
    except ClientError:
        return {}


def row(task: Task, under_way: OpenTask | None = None) -> Row:
    """Return the values of a task's row."""
    result, is_final = task.result, task.status.is_final
    passed: int | None = len(result.successes)
    failed: int | None = len(result.failures)
    nodes = len({*result.successes, *result.failures})
    if under_way is not None:
        nodes, passed, failed = under_way.nodes, under_way.passed, under_way.failed
    step = under_way.step if under_way and not is_final else None
    return {
        **task,
        "result": result.status.value,
        "status": task.status.value,
        "nodes": nodes or None,
        "progress": progress(nodes, passed, failed, step),
        "duration": seconds(task.created, task.updated if is_final else None),
        "errors": result.details.error_count,
        "failures": ", ".join(result.failures),
        "message": result.message,
    }


def progress(nodes: int, passed: int | None, failed: int | None, step: str | None) -> str | None:
    """Return how far a task is, as ``8/10, 1 failed, in deploy_node``; None: it has no nodes."""
    if not nodes or passed is None:
        return None
    parts = [f"{passed}/{nodes}"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"in {step}"] if step else []
    return ", ".join(parts)


def seconds(since: str, until: str | None) -> float:
    """Return the seconds between two times of the API; None: until now. Never negative."""
    end = datetime.fromisoformat(until) if until else datetime.now(UTC)
    start = datetime.fromisoformat(since)
    if start.tzinfo is None or end.tzinfo is None:
        # The original writes times without a zone, in UTC.
        start, end = (moment.replace(tzinfo=moment.tzinfo or UTC) for moment in (start, end))
    return max(0.0, (end - start).total_seconds())
