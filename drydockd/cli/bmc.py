"""`drydock bmc`: what BMCs tell, and the power of nodes. The daemon does it; this only asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from drydockd.api.bmcfacts import BmcFacts
from drydockd.api.task import Task, TaskTree
from drydockd.cli.node_task import (
    design_of,
    ended,
    errors_of,
    is_a,
    leave,
    listed,
    nodes_options,
    printable,
)
from drydockd.cli.output import echo_json, echo_table, output_option
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.client import Client

COLUMNS = {
    "node": "Node",
    "result": "Result",
    "power": "Power",
    "boot_device": "Next Boot",
    "identity": "Identity",
    "product": "Vendor, Model",
    "firmware": "Firmware",
    "tls": "TLS",
    "seconds": "Seconds",
}


@click.group()
def command() -> None:
    """Look at BMCs, and switch the power of nodes."""


@command.command()
@nodes_options
@output_option("table", "json")
@with_client()
def check(
    client: Client,
    nodenames: tuple[str, ...],
    site: str | None,
    timeout: float | None,
    output: str,
) -> None:
    """Ask the BMCs of NODENAMES, or of a whole site, what there is to know.

    Power, next boot, identity, firmware, how the connection is secured, what is odd; and whether
    they are the BMCs of these nodes. Nothing is changed.
    """
    _reported(client, "verify_nodes", nodenames, site, timeout, output)


@command.command()
@nodes_options
@output_option("table", "json")
@with_client()
def accept(
    client: Client,
    nodenames: tuple[str, ...],
    site: str | None,
    timeout: float | None,
    output: str,
) -> None:
    """Say that the hardware of NODENAMES was replaced: what it tells now is right.

    What was known of these nodes before does not count any more, but what the design says does.
    """
    if not nodenames:
        raise click.UsageError("name the nodes whose hardware was replaced")
    _reported(client, "accept_nodes", nodenames, site, timeout, output)


@command.group()
def power() -> None:
    """Switch the power of nodes; the boot device is left as it is."""


def _switch(name: str, action: str, help_text: str, *, cuts: bool) -> None:
    @power.command(name, help=help_text)
    @nodes_options
    @click.option("--yes", "-y", is_flag=True, help="Ask nothing, also for deployed nodes.")
    @output_option("text", "json")
    @with_client()
    def switch(
        client: Client,
        nodenames: tuple[str, ...],
        site: str | None,
        timeout: float | None,
        yes: bool,
        output: str,
    ) -> None:
        ref = design_of(client, nodenames, site)
        if cuts and not yes:
            _confirm(client, name, ref, nodenames)
        task = ended(client, action, nodenames, ref, timeout)
        if output == "json":
            echo_json(task)
        else:
            errors = errors_of(task)
            for node in (*task.result.successes, *task.result.failures):
                result = "failure" if node in task.result.failures else "success"
                click.echo(f"{node}: {result}")
                for text in errors.get(node, ()):
                    click.echo(f"{node}: {text}", err=True)
        leave(task, nodenames, ref)


_switch("on", "power_on_nodes", "Power NODENAMES on, or all nodes of a site.", cuts=False)
_switch("off", "power_off_nodes", "Cut the power of NODENAMES, or of a whole site.", cuts=True)
_switch(
    "cycle",
    "power_cycle_nodes",
    "Cut the power of NODENAMES, or of a whole site, and power them on.",
    cuts=True,
)


def _confirm(client: Client, verb: str, ref: str, names: Sequence[str]) -> None:
    """Ask before the power of deployed nodes is cut, and before that of a whole site is.

    Also where the provisioner cannot say which nodes are deployed.
    """
    from drydockd.client import ClientError

    meant = list(names) or client.get_nodes_for_filter(ref)
    try:
        rows = client.get_nodes()
    except ClientError as error:
        question = f"Which nodes are deployed cannot be told ({error.reason})."
    else:
        states = {row.hostname: row.status_name for row in rows}
        deployed = [name for name in meant if states.get(name, "").lower() == "deployed"]
        if names and not deployed:
            return
        question = f"Deployed: {listed(deployed)}." if deployed else "None of them is deployed."
    whom = listed(meant) if names else f"all {len(meant)} nodes of {ref}"
    click.confirm(f"Power {verb} {whom}. {question} Go on?", abort=True, err=True)


def _reported(
    client: Client,
    action: str,
    names: Sequence[str],
    site: str | None,
    timeout: float | None,
    output: str,
) -> None:
    ref = design_of(client, names, site)
    task = ended(client, action, names, ref, timeout)
    tree = client.get_task(task.task_id, builddata=True, layers=-1)
    rows = _rows(task, tree)
    if output == "json":
        echo_json(rows)
    else:
        echo_table(COLUMNS, [_flat(row) for row in rows])
        for row in rows:
            for text in (*_texts(row, "errors"), *_texts(row, "odd")):
                click.echo(f"{row['node']}: {text}")
    leave(task, names, ref)


def _rows(task: Task, tree: Task | TaskTree) -> list[dict[str, object]]:
    """Return what is known of each node: its result, why it failed, what its BMC told."""
    told: dict[str, dict[str, object]] = {}
    for one in tree.tasks.values() if isinstance(tree, TaskTree) else ():
        for record in one.build_data if one else ():
            if is_a(record, "BmcFacts"):
                facts = BmcFacts.model_validate_json(record.data_element).as_dict()
                told[record.node_name] = {"generator": record.generator, **facts}
    errors = errors_of(task)
    passed = set(task.result.successes)
    names = (*task.result.successes, *(n for n in task.result.failures if n not in passed))
    return [
        {
            "node": name,
            "result": "success" if name in passed else "failure",
            "errors": errors.get(name, []),
            **told.get(name, {}),
        }
        for name in names
    ]


def _flat(row: dict[str, object]) -> dict[str, object]:
    product = " ".join(str(row[key]) for key in ("vendor", "model") if row.get(key))
    return {**row, "product": product, "identity": _identity(row)}


def _identity(row: dict[str, object]) -> str:
    """By what its machine is told from others best: serial number, else UUID, else a MAC."""
    if row.get("serial"):
        return str(row["serial"])
    macs = row.get("macs")
    return str(row.get("uuid") or (macs[0] if isinstance(macs, list) and macs else ""))


def _texts(row: dict[str, object], key: str) -> list[str]:
    found = row.get(key)
    texts = map(str, found) if isinstance(found, list) else ()
    return [printable(text) for text in texts]
