"""`drydock task`: create, watch, cancel, retry, clean up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drydockd.api.dryrun import DryRun
from drydockd.api.task import Task
from drydockd.cli import ids, task_errors, task_list, task_progress, task_watch
from drydockd.cli.events import show as show_event
from drydockd.cli.filters import (
    filter_options,
    node_filter_from,
    node_names_in,
    refuse_unmatched,
)
from drydockd.cli.output import (
    echo_data,
    echo_json,
    format_option,
    lenient_output_option,
    output_option,
    printable,
)
from drydockd.cli.session import with_client
from drydockd.cli.task_watch import NOT_SUCCESSFUL as NOT_SUCCESSFUL

if TYPE_CHECKING:
    from drydockd.client import Client


# As a shell says of what SIGINT ended.
INTERRUPTED = 130


@click.group()
def command() -> None:
    """Create, watch, cancel and retry tasks."""


command.add_command(task_list.command)
command.add_command(task_watch.wait)
command.add_command(task_watch.watch)


def _required(
    message: str,
) -> Callable[[click.Context, click.Parameter, str | int | None], str | int | None]:
    def check(
        ctx: click.Context, param: click.Parameter, value: str | int | None
    ) -> str | int | None:
        if value is None and not ctx.resilient_parsing:
            raise click.UsageError(message, ctx)
        return value

    return check


def blocking_options(call: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        [
            click.option("--block/--no-block", "-b", help="Wait for the end of the task."),
            click.option(
                "--wait", is_flag=True, help="The same, and show on standard error how it goes."
            ),
            click.option(
                "--poll-interval",
                type=click.FloatRange(min=0.1),
                default=15,
                show_default=True,
                help="Seconds between questions, for a server that cannot hold one.",
            ),
            click.option(
                "--timeout",
                type=click.FloatRange(min=0),
                help="Seconds to wait at most; default: for ever.",
            ),
        ]
    ):
        call = option(call)
    return call


def _ended(
    client: Client, task_id: str, poll_interval: float, timeout: float | None, live: Task | None
) -> None:
    """Wait, print the task, and leave with NOT_SUCCESSFUL unless it succeeded.

    What is `live` is shown on its way.
    """
    with _waiting(task_id), task_progress.shown(client, live) if live else nullcontext():
        done = client.wait_for_task(
            task_id,
            timeout,
            poll_interval=poll_interval,
            on_change=progress if sys.stderr.isatty() and live is None else None,
        )
    echo_json(done)
    if not task_watch.is_success(done):
        sys.exit(NOT_SUCCESSFUL)


@contextmanager
def _waiting(task_id: str) -> Iterator[None]:
    """Tell the id before anything can go wrong, on standard error: the task itself is the output.

    Ctrl-C ends the waiting and not the task.
    """
    click.echo(f"task {task_id}", err=True)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            f"\nThe task goes on. `drydock task wait {task_id}` waits again, "
            f"`drydock task terminate {task_id}` ends it.",
            err=True,
        )
        sys.exit(INTERRUPTED)


def progress(task: Task) -> None:
    """Say on standard error how far a task is that is waited for."""
    click.echo(f"{task.action} {task.task_id}: {task.status}", err=True)


@command.command()
@click.option(
    "--design-ref",
    "-d",
    callback=_required("Design reference must be specified using --design-ref"),
    help="Where the design is: a URI.",
)
@click.option(
    "--action",
    "-a",
    callback=_required("Action must be specified using --action"),
    help="What to do, such as deploy_nodes.",
)
@filter_options
@click.option(
    "--all-nodes",
    is_flag=True,
    help="Mean all nodes, where no filter is refused.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@blocking_options
@format_option()
@with_client()
def create(
    client: Client,
    /,
    design_ref: str,
    action: str,
    all_nodes: bool,
    dry_run: bool,
    block: bool,
    wait: bool,
    poll_interval: float,
    timeout: float | None,
    filter_file: Path | None,
    **given: str | None,
) -> None:
    """Create a task; without a filter it is for all nodes.

    The filter options add up: a node is in when any of them applies. Exit code 3: a node that
    was named does not exist, and nothing was created.
    """
    node_filter = node_filter_from(filter_file, **given)
    if node_names_in(node_filter) and not dry_run:
        refuse_unmatched(_unmatched(client, design_ref, action, node_filter, all_nodes=all_nodes))
    task = client.create_task(design_ref, action, node_filter, all_nodes=all_nodes, dry_run=dry_run)
    if (block or wait) and isinstance(task, Task):
        _ended(client, task.task_id, poll_interval, timeout, task if wait else None)
    else:
        echo_json(task)
    if isinstance(task, DryRun):
        refuse_unmatched(task.unmatched)


def _unmatched(
    client: Client,
    design_ref: str,
    action: str,
    node_filter: dict[str, object] | None,
    *,
    all_nodes: bool,
) -> Mapping[str, str | None]:
    """The named nodes that the design lacks; none where that cannot be told before the task."""
    from drydockd.client.errors import ClientError

    try:
        plan = client.create_task(
            design_ref, action, node_filter, all_nodes=all_nodes, dry_run=True
        )
    except ClientError:
        return {}  # what is wrong is said when the task is created, or by the task
    return plan.unmatched


@command.command()
@ids.task_id
@blocking_options
@click.option("--layers", type=int, help="So many levels of subtasks; -1: all.")
@click.option("--builddata", is_flag=True, help="With build data.")
@click.option("--subtaskerrors", is_flag=True, help="With the errors of all subtasks.")
@format_option()
@with_client()
def show(
    client: Client,
    task_id: str,
    block: bool,
    wait: bool,
    poll_interval: float,
    timeout: float | None,
    layers: int | None,
    builddata: bool,
    subtaskerrors: bool,
) -> None:
    """Print a task."""
    if (block or wait) and not (layers or builddata or subtaskerrors):
        live = client.get_task(task_id) if wait else None
        _ended(client, task_id, poll_interval, timeout, live)
        return
    if block or wait:
        with _waiting(task_id):
            client.wait_for_task(task_id, timeout, poll_interval=poll_interval)
    echo_json(client.get_task(task_id, builddata, subtaskerrors, layers))


@command.command()
@ids.task_id
@lenient_output_option()
@with_client()
def builddata(client: Client, task_id: str, output: str) -> None:
    """Print what a task learnt about its nodes."""
    echo_data(client.get_task_build_data(task_id), output)


@command.command()
@ids.task_id
@output_option("text", "json", "yaml")
@with_client()
def errors(client: Client, task_id: str, output: str) -> None:
    """Print the errors of a task and all its subtasks, each cause once with its nodes.

    json and yaml have every message of every subtask.
    """
    found = client.get_task_errors(task_id)
    if output != "text":
        echo_data(found, output)
        return
    for line in task_errors.lines(task_errors.causes(found)):
        click.echo(printable(line))


@command.command()
@click.option(
    "--days",
    "-d",
    type=click.IntRange(min=0),
    callback=_required("The number of days must be specified using --days or -d"),
    help="Remove what ended and is older.",
)
@with_client()
def delete(client: Client, days: int) -> None:
    """Remove old tasks that have ended."""
    click.echo(client.delete_tasks(days))


@command.command()
@ids.task_id
@format_option()
@with_client()
def terminate(client: Client, task_id: str) -> None:
    """Cancel a task: at once when it waits, between two steps when it runs."""
    echo_json(client.terminate_task(task_id))


@command.command()
@ids.task_id
@blocking_options
@format_option()
@with_client()
def retry(
    client: Client,
    task_id: str,
    block: bool,
    wait: bool,
    poll_interval: float,
    timeout: float | None,
) -> None:
    """Create a task for the nodes that failed in another."""
    task = client.retry_task(task_id)
    if block or wait:
        _ended(client, task.task_id, poll_interval, timeout, task if wait else None)
    else:
        echo_json(task)


@command.command()
@ids.task_id
@click.option("--after", help="Resume after this event.")
@output_option("json", "yaml")
@with_client()
def events(client: Client, task_id: str, after: str | None, output: str) -> None:
    """Print the events of a task and its subtasks as they happen, one JSON object a line."""
    for event in client.get_task_events(task_id, after):
        show_event(event, output)
