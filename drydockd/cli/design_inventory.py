"""What nodes are made of, for `drydock design diff`: of a folder, or as the daemon learnt it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drydockd.cli.design_source import CannotLoad
from drydockd.cli.session import Access
from drydockd.machines import Document, Inventory

if TYPE_CHECKING:
    from drydockd.client import Client

GENERATOR = "lshw"
SHOWN_NAMES = 8


def of_folder(folder: Path, nodes: Iterable[str]) -> dict[str, Inventory]:
    """What the files of a folder tell about nodes; a node without a file has none.

    Raises CannotLoad.
    """
    found = {}
    try:
        for name in nodes:
            file = folder / f"{name}.xml"
            if file.is_file():
                text = file.read_text(encoding="utf-8", errors="replace")
                found[name] = Inventory((Document(GENERATOR, "text/xml", text),))
    except OSError as error:
        raise CannotLoad(f"{error.filename}: {error.strerror}") from error
    if not found:
        raise CannotLoad(f"{folder}: no file is called after a node, as n1.xml")
    return found


def of_daemon(access: Access, nodes: Iterable[str]) -> dict[str, Inventory]:
    """What the daemon's build data tell about nodes, the newest of each.

    Nodes it knows no inventory of are named on standard error, and have none. Raises CannotLoad
    when it cannot be asked.
    """
    from drydockd.client import ClientError

    found, lacking = {}, []
    try:
        with access.client() as client:
            for name in nodes:
                text = _newest(client, name)
                if text is None:
                    lacking.append(name)
                else:
                    found[name] = Inventory((Document(GENERATOR, "text/xml", text),))
    except ClientError as error:
        raise CannotLoad(
            f"{access.url}: the inventories cannot be had: {error.reason}; without --url (DD_URL)"
            " aliases are compared by what they stand for, with --inventory by files"
        ) from error
    if lacking:
        names = ", ".join(lacking[:SHOWN_NAMES]) + (", ..." if len(lacking) > SHOWN_NAMES else "")
        click.echo(
            f"Note: {access.url} has no inventory of {len(lacking)} nodes: {names}", err=True
        )
    return found


def _newest(client: Client, node: str) -> str | None:
    from drydockd.client import ClientError

    try:
        records = client.get_node_build_data(node, latest=True, generator=GENERATOR)
    except ClientError as error:
        if error.status_code != 404:
            raise
        return None
    # The original knows no `generator`, and sends all there is.
    return next((r.data_element for r in records if r.generator == GENERATOR), None)
