"""`drydock health`: is the service well."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from drydockd.cli.output import echo_json, output_option
from drydockd.cli.session import Access, told

if TYPE_CHECKING:
    from drydockd.client import Client


@click.command()
@click.option("--extended", is_flag=True, help="Print every check; needs a token.")
@output_option("text")
@click.pass_obj
def command(access: Access, extended: bool, output: str) -> None:
    """Ask the service for its health; the exit status is 1 when it is not well.

    What is wrong is printed below, as far as the token may see it.
    """
    with access.client(identified=extended) as client, told():
        if not (_extended(client) if extended else _plain(client, access, output)):
            sys.exit(1)


def _plain(client: Client, access: Access, output: str) -> bool:
    well = client.get_health()
    if output == "text":
        click.echo("healthy" if well else "unhealthy")
    # To get a token may take as long as the Keystone that is away; one at hand costs nothing.
    causes = _causes(access, well) if access.os_token or not well else []
    if output == "json":
        echo_json({"healthy": well, "messages": causes})
    else:
        for cause in causes:
            click.echo(cause)
    return well


def _causes(access: Access, well: bool) -> list[str]:
    from drydockd.client import ClientError

    try:
        with access.client() as client:
            status = client.get_health_extended()
    except (ClientError, click.UsageError) as error:
        if not well:
            click.echo(
                f"What is wrong cannot be asked: {getattr(error, 'reason', error)}", err=True
            )
        return []
    return [
        f"{said.message}: {said.cause}" if said.cause else said.message
        for said in status.details.message_list
    ]


def _extended(client: Client) -> bool:
    status = client.get_health_extended()
    echo_json(status)
    return status.status == "Success"
