"""`drydock node drift`: how deployed nodes differ. The daemon compares; this asks and shows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from drydockd.api.drift import Drift
from drydockd.api.task import Task, TaskTree
from drydockd.cli.node_task import (
    design_of,
    ended,
    errors_of,
    is_a,
    leave,
    nodes_options,
    printable,
)
from drydockd.cli.output import echo_json, echo_table, output_option
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.client import Client

COLUMNS = {
    "node": "Node",
    "what": "What Differs",
    "wanted": "Wanted",
    "found": "Found",
    "source": "Wanted By",
}
DIFFERENT = 1


@click.command()
@nodes_options
@output_option("table", "json")
@with_client()
def drift(
    client: Client,
    nodenames: tuple[str, ...],
    site: str | None,
    timeout: float | None,
    output: str,
) -> None:
    """Compare NODENAMES, or a whole site, with their design and with what they were deployed on.

    Image, kernel parameters, storage, network, disks, NICs, memory, firmware, BMC. Nothing is
    changed; only deployed nodes can differ. Exit code 1: some differ, 3: some could not be asked.
    """
    ref = design_of(client, nodenames, site)
    task = ended(client, "verify_nodes", nodenames, ref, timeout)
    rows = _rows(task, client.get_task(task.task_id, builddata=True, layers=-1))
    if output == "json":
        echo_json(rows)
    else:
        _show(rows)
    if any(row["differences"] for row in rows):
        sys.exit(DIFFERENT)
    leave(task, nodenames, ref)


def _rows(task: Task, tree: Task | TaskTree) -> list[dict[str, object]]:
    """Each node: whether it was compared, how it differs, what nobody tells, what went wrong."""
    told: dict[str, Drift] = {}
    for one in tree.tasks.values() if isinstance(tree, TaskTree) else ():
        for record in one.build_data if one else ():
            if is_a(record, "Drift"):
                told[record.node_name] = Drift.model_validate_json(record.data_element)
    errors = errors_of(task)
    names = dict.fromkeys((*task.result.successes, *task.result.failures))
    return [
        {"node": name, **_row(told.get(name)), "errors": errors.get(name, [])} for name in names
    ]


def _row(drift: Drift | None) -> dict[str, object]:
    if drift is None:
        return {"compared": False, "differences": [], "absent": []}
    return {
        "compared": True,
        "differences": [one.model_dump() for one in drift.differences],
        "absent": drift.absent,
        **({"left_out": drift.left_out} if drift.left_out else {}),
    }


def _show(rows: Sequence[dict[str, object]]) -> None:
    lines = [
        {key: printable(str(value)) for key, value in {"node": row["node"], **one}.items()}
        for row in rows
        for one in _listed(row, "differences")
    ]
    if lines:
        echo_table(COLUMNS, lines)
    for row in rows:
        name = row["node"]
        if row.get("left_out"):
            click.echo(f"{name}: differs in {row['left_out']} more")
        if not row["compared"]:
            click.echo(f"{name}: not compared: it is not deployed, or its provisioner cannot tell")
        elif not row["differences"]:
            click.echo(f"{name}: no differences")
        if absent := _listed(row, "absent"):
            click.echo(f"{name}: not told, so not compared: {printable(', '.join(absent))}")
        for text in _listed(row, "errors"):
            click.echo(f"{name}: {printable(text)}", err=True)


def _listed(row: dict[str, object], key: str) -> list:  # type: ignore[type-arg]
    found = row[key]
    return found if isinstance(found, list) else []
