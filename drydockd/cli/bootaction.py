"""`drydock bootaction`: report for a node that cannot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drydockd.cli.output import echo_json
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.client import Client


@click.group()
def command() -> None:
    """Report on boot actions."""


@command.command()
@click.option("--action-id", "-i", required=True, help="The boot action, a ULID.")
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
