"""A task about named nodes, or a whole site: created, awaited, told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from drydockd.api.bmcfacts import DATA_FORMAT
from drydockd.api.builddata import BuildData
from drydockd.api.task import Task
from drydockd.cli.task import NOT_SUCCESSFUL, progress

if TYPE_CHECKING:
    from drydockd.client import Client

SHOWN_NAMES = 10


def nodes_options(call: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        [
            click.argument("nodenames", nargs=-1),
            click.option(
                "--site",
                "--design-ref",
                "-d",
                "site",
                metavar="REF",
                help="The design: a URI. Alone: all its nodes. Default: that of the first "
                "node's last task.",
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


def design_of(client: Client, names: Sequence[str], site: str | None) -> str:
    """Return the design's reference: as given, or that of the last task that learnt of a node."""
    if site:
        return site
    if not names:
        raise click.UsageError("name nodes, or give --site")
    from drydockd.client import ClientError

    try:
        records = client.get_node_build_data(names[0], latest=True)
        newest = max(records, key=lambda record: record.collected_date)
        ref = client.get_task(newest.task_id).design_ref
    except ClientError as error:
        if error.status_code != 404:
            raise
        ref = None
    if not ref:
        raise click.UsageError(f"no task told of {names[0]} yet which design it is in; give --site")
    return ref


def ended(
    client: Client, action: str, names: Sequence[str], ref: str, timeout: float | None
) -> Task:
    """Create the task and return it at its end."""
    chosen: dict[str, object] | None = None
    if names:
        one = {"filter_type": "union", "node_names": list(names)}
        chosen = {"filter_set_type": "intersection", "filter_set": [one]}
    task = client.create_task(ref, action, chosen, all_nodes=not names)
    on_change = progress if sys.stderr.isatty() else None
    return client.wait_for_task(task.task_id, timeout, on_change=on_change)


def errors_of(task: Task) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for said in task.result.details.message_list:
        if said.error and said.context_type == "node":
            found.setdefault(said.context, []).append(said.message)
    return found


def listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def leave(task: Task, names: Sequence[str], ref: str) -> None:
    """Leave with 3 unless the task succeeded and was for every node named."""
    for said in task.result.details.message_list:
        if said.error and said.context_type != "node":
            click.echo(f"Error: {said.message}", err=True)
    there = {*task.result.successes, *task.result.failures}
    is_known = bool(there) or task.result.status == "success"
    missing = [name for name in names if name not in there] if is_known else []
    if missing:
        click.echo(f"Error: not in the design {ref}: {listed(missing)}", err=True)
    if missing or task.status != "complete" or task.result.status != "success":
        sys.exit(NOT_SUCCESSFUL)


def is_a(record: BuildData, kind: str) -> bool:
    """Whether the element of `record` is the JSON object of this kind."""
    if record.data_format != DATA_FORMAT:
        return False
    try:
        element = json.loads(record.data_element)
    except ValueError:
        return False
    return isinstance(element, dict) and element.get("kind") == kind


def printable(text: str) -> str:
    """`text` of a machine, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)
