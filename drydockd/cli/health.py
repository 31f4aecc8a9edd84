"""`drydock health`: is the service well."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from drydockd.cli.output import echo_json
from drydockd.cli.session import Access, told

if TYPE_CHECKING:
    from drydockd.client import Client


@click.command()
@click.option("--extended", is_flag=True, help="Print every check; needs a token.")
@click.pass_obj
def command(access: Access, extended: bool) -> None:
    """Ask the service for its health; the exit status is 1 when it is not well."""
    with access.client(identified=extended) as client, told():
        if not (_extended(client) if extended else _plain(client)):
            sys.exit(1)


def _plain(client: Client) -> bool:
    well = client.get_health()
    click.echo("healthy" if well else "unhealthy")
    return well


def _extended(client: Client) -> bool:
    status = client.get_health_extended()
    echo_json(status)
    return status.status == "Success"
