"""`drydock node`: nodes as the provisioner knows them, and as a design names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from drydockd.cli import bmc, node_drift
from drydockd.cli.columns import Row, Table
from drydockd.cli.filters import (
    filter_options,
    node_filter_from,
    node_names_in,
    refuse_unmatched,
)
from drydockd.cli.output import (
    echo_data,
    echo_json,
    lenient_output_option,
    output_option,
)
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.client import Client

TITLES = {
    "hostname": "Node Name",
    "status_name": "Status",
    "cpu_count": "CPUs",
    "memory": "Memory",
    "boot_mac": "PXE MAC",
    "boot_ip": "Mgmt IP",
    "power_address": "IPMI IP",
    "power_state": "Power State",
}
SHOWN = tuple(TITLES)
TITLES |= {"power_seen": "Power Seen"}
TABLE = Table(TITLES, SHOWN, {})

# The status of a node of the design that the provisioner does not know.
UNKNOWN = "Unknown"


@click.group()
def command() -> None:
    """Look at nodes and what was learnt about them; switch their power."""


# The same by the name of what it is done to.
command.add_command(bmc.power)
command.add_command(node_drift.drift)


@command.command("list")
@click.option(
    "--design", "design_ref", metavar="REF", help="Also the nodes of this design it does not know."
)
@TABLE.options
@output_option("table", "json")
@with_client()
def list_(
    client: Client,
    design_ref: str | None,
    columns: list[str] | None,
    sort: str | None,
    output: str,
) -> None:
    """List the nodes the provisioner knows."""
    nodes: list[Row] = [node.as_dict() for node in client.get_nodes()]
    if design_ref is not None:
        known = {node["hostname"] for node in nodes}
        names = client.get_nodes_for_filter(design_ref)
        nodes += [_unknown(name) for name in names if name not in known]
    nodes = TABLE.in_order(nodes, sort)
    if output == "json":
        echo_json(nodes)
    else:
        TABLE.echo(nodes, columns)


def _unknown(name: str) -> Row:
    return {**dict.fromkeys(SHOWN), "hostname": name, "status_name": UNKNOWN}


@command.command()
@click.argument("nodename")
@output_option("yaml", "json")
@with_client()
def show(client: Client, nodename: str, output: str) -> None:
    """Print what NODENAME does now: task, step, what it waits for, and how its last task ended."""
    echo_data(client.get_node(nodename), output)


@command.command()
@click.argument("nodename")
@click.option("--latest/--no-latest", default=True, help="Only the newest of each kind, or all.")
@lenient_output_option()
@with_client()
def builddata(client: Client, nodename: str, latest: bool, output: str) -> None:
    """Print what was learnt about NODENAME."""
    echo_data(client.get_node_build_data(nodename, latest=latest), output)


@command.command("filter")
@click.option("--design-ref", "-d", required=True, help="Where the design is: a URI.")
@filter_options
@output_option("text", "json")
@with_client()
def filter_(
    client: Client, /, design_ref: str, output: str, filter_file: Path | None, **given: str | None
) -> None:
    """Print the nodes of a design that a filter selects, one a line.

    Exit code 3: a node that was named does not exist.
    """
    node_filter = node_filter_from(filter_file, **given)
    names = client.get_nodes_for_filter(design_ref, node_filter)
    if output == "json":
        echo_json(names)
    else:
        for name in names:
            click.echo(name)
    missing = [name for name in node_names_in(node_filter) if name not in names]
    if missing:
        from drydockd.design.nodefilter import nearest

        known = client.get_nodes_for_filter(design_ref)
        refuse_unmatched(nearest([name for name in missing if name not in known], known))
