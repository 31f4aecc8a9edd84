"""`drydock status`: the daemon, what it depends on, its tasks and failed nodes on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from drydockd.cli.output import echo_json, output_option, printable
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.api.status import FailedNodes, OpenTask, Status
    from drydockd.client import Client

# So many causes, tasks and names fit on one screen; json has all of them.
MOST = 8


@click.command()
@output_option("text", "json")
@with_client()
def command(client: Client, output: str) -> None:
    """Show the daemon, what it depends on, tasks under way and failed nodes by cause."""
    status = client.get_status()
    if output == "json":
        echo_json(status)
        return
    for line in screen(status):
        click.echo(printable(line))


def screen(status: Status) -> Iterator[str]:
    """Yield the lines."""
    up = timedelta(seconds=int(status.uptime_seconds))
    yield f"{'drydockd':<12} {status.version}, up {up}, since {status.started}"
    for part in status.dependencies:
        state = "not configured" if part.state == "none" else part.state
        yield f"{part.name:<12} {state}{': ' + part.cause if part.cause else ''}"
    for warning in status.warnings:
        yield f"{'warning':<12} {warning}"
    yield f"{'tasks':<12} {len(status.tasks)} under way"
    for task in status.tasks[:MOST]:
        yield f"  {task.task_id} {task.action} {task.status}{_how_far(task)}, since {task.created}"
    yield from _more(len(status.tasks))
    yield f"{'failed':<12} {sum(one.count for one in status.failures)} nodes"
    for failed in status.failures[:MOST]:
        yield from _failed(failed)
    yield from _more(len(status.failures))


def _how_far(task: OpenTask) -> str:
    if not task.nodes:
        return ""
    passed = f", {task.passed} passed" if task.passed is not None else ""
    failed = f", {task.failed} failed" if task.failed else ""
    step = f", in {task.step}" if task.step else ""
    return f", {task.nodes} nodes{passed}{failed}{step}"


def _failed(failed: FailedNodes) -> Iterator[str]:
    names = ", ".join(failed.nodes[:MOST]) + (", ..." if failed.count > MOST else "")
    yield f"  {failed.count} at {failed.step or failed.action}: {names}"
    yield f"    {failed.cause}"
    yield f"    to do: {failed.remedy}"


def _more(count: int) -> Iterator[str]:
    if count > MOST:
        yield f"  and {count - MOST} more: -o json has all"
