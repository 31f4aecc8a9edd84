"""`drydock versions`: which versions of the API there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drydockd.cli.output import echo_json, format_option
from drydockd.cli.session import with_client

if TYPE_CHECKING:
    from drydockd.client import Client


@click.command()
@format_option()
@with_client(identified=False)
def command(client: Client) -> None:
    """Print the versions of the API, a JSON object."""
    echo_json(client.get_versions())
