"""`drydock bootaction`: what became of boot actions; report for a node that cannot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drydockd.api.states import BootActionStatus
from drydockd.cli import ids
from drydockd.cli.columns import Table
from drydockd.cli.output import echo_json, format_option, output_option
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.client import Client

TABLE = Table(
    {
        "node_name": "Node",
        "action_name": "Boot Action",
        "status": "Status",
        "updated": "Updated",
        "action_id": "Id",
        "task_id": "Task",
    },
    ("node_name", "action_name", "status", "updated", "action_id"),
    {"updated": lambda time: str(time)[:19]},
)


@click.group()
def command() -> None:
    """List boot actions, and report on them."""


@command.command("list")
@click.argument("nodenames", nargs=-1, metavar="[NODE...]")
@click.option("--task", help="Only those that this task deployed.")
@click.option(
    "--status",
    type=click.Choice([str(status) for status in BootActionStatus]),
    help="Only those in this status; incomplete: a report is missing.",
)
@TABLE.options
@output_option("table", "json")
@with_client()
def list_(
    client: Client,
    nodenames: tuple[str, ...],
    task: str | None,
    status: str | None,
    columns: list[str] | None,
    sort: str | None,
    output: str,
) -> None:
    """List the boot actions of what is deployed now, of NODE... or of all nodes."""
    found = [
        row.as_dict()
        for node in nodenames or (None,)
        for row in client.get_bootactions(node=node, status=status, task=task)
    ]
    rows = TABLE.in_order(found, sort)
    if output == "json":
        echo_json(rows)
    else:
        TABLE.echo(rows, columns)


@command.command()
@ids.action_id
@click.option("--key", "-k", envvar="BOOTACTION_KEY", show_envvar=True, help="Its key.")
@click.option(
    "--keyfile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose first line is the key.",
)
@click.option("--message", "-m", "messages", multiple=True, help="A detail; may be repeated.")
@click.option("--error", is_flag=True, help="The messages tell of an error.")
@click.option(
    "--status",
    type=click.Choice(["success", "failure"]),
    help="Finish the boot action; nothing more can be reported then.",
)
@format_option()
@with_client(identified=False)
def report(
    client: Client,
    action_id: str,
    key: str | None,
    keyfile: Path | None,
    messages: tuple[str, ...],
    error: bool,
    status: str | None,
) -> None:
    """Add details to a boot action, and finish it with --status."""
    if not key and keyfile is not None:
        key = next(iter(keyfile.read_text(encoding="ascii", errors="replace").split()), None)
    if not key:
        raise click.UsageError("A key is needed: --key, --keyfile or BOOTACTION_KEY")
    if not messages and status is None:
        raise click.UsageError("Nothing to report: give --message, --status or both")
    details = [{"message": message, "error": error} for message in messages]
    echo_json(client.report_bootaction(action_id, key, details, status))
