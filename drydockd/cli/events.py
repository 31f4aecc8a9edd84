"""`drydock events`: what happens, to every task and node."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from drydockd.api.event import CHOICES, BootActionEvent, MessageEvent, StateEvent
from drydockd.cli.output import echo_json, output_option, printable
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.client import Client, Event

OLDEST = "0"


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on, for ever.")
@click.option("--node", metavar="NODE[,NODE]", help="Only of these nodes.")
@click.option("--task", "task_id", metavar="TASK_ID", help="Only of this task and its subtasks.")
@click.option("--kind", metavar="KIND[,KIND]", help=f"Only of these kinds: {', '.join(CHOICES)}.")
@click.option("--after", metavar="ID", help="Only what came after this event.")
@output_option("text", "json", "yaml")
@with_client()
def command(
    client: Client,
    follow: bool,
    node: str | None,
    task_id: str | None,
    kind: str | None,
    after: str | None,
    output: str,
) -> None:
    """Print what happened, as far as it is kept, or with --follow what happens.

    A broken connection or a restart of the server leaves nothing out and repeats nothing. The id
    of each event, in its JSON, is what --after takes.
    """
    if follow:
        events = client.follow_events(after, node=node, task_id=task_id, kind=kind)
    else:
        events = client.get_events(
            after or OLDEST, node=node, task_id=task_id, kind=kind, follow=False
        )
    for event in events:
        # The first gap of who asks for all that is kept says what they know.
        if event.kind != "place" and not (event.kind == "gap" and not (follow or after)):
            show(event, output)
            sys.stdout.flush()


def show(event: Event, output: str) -> None:
    """Print one event; of JSON and YAML each is a line, or document, of its own."""
    if output == "text":
        click.echo(line(event))
        return
    told = {"id": event.id, "event": event.kind, "data": event.data}
    if output == "json":
        echo_json(told)
    else:
        from drydockd.cli.output import echo_yaml

        click.echo("---")
        echo_yaml(told)


def line(event: Event) -> str:
    """Return an event as a line for people."""
    data = event.data
    if isinstance(data, MessageEvent):
        who = data.context if data.context_type == "node" else data.task_id
        mark = "! " if data.error else ""
        text = f"{data.ts} {who}: {mark}{data.message}"
    elif isinstance(data, BootActionEvent):
        text = f"{data.updated} {data.node}: boot action {data.action_name} {data.status}"
    elif isinstance(data, StateEvent):
        nodes = data.node or (f"{data.nodes} nodes" if data.nodes else "site")
        verdict = f": {data.result}" if data.status.is_final else ""
        text = f"{data.updated} {nodes}: {data.action} {data.status}{verdict} ({data.task_id})"
    elif isinstance(data, dict):
        text = f"{event.kind}: {data.get('message', data)}"
    else:
        text = f"{event.kind}: {getattr(data, 'message', '')}"
    return printable(text)
