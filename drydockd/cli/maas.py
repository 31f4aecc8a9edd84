"""`drydock maas`: whether the MAAS of the configuration can be worked with, and its template."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drydockd import drivers, parts, preflight
from drydockd.cli.output import echo_json, output_option
from drydockd.cli.units import config_option, daemons_environment
from drydockd.config import ConfigError
from drydockd.config import load as load_values
from drydockd.drivers.node.maas.snippet import snippet as the_snippet
from drydockd.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drydockd.config import Settings
    from drydockd.drivers.base import SiteNote

SECTION = "maasdriver"


@click.group()
def command() -> None:
    """Work with the MAAS of a site; needs no daemon."""


@command.command()
@config_option
@output_option("text")
def check(files: tuple[Path, ...], output: str) -> None:
    """Ask MAAS for version, key, images and rack controllers, as verify_site does.

    Nothing is changed. The exit status is 1 where something is wrong, 2 for a bad configuration.
    """
    options = _settings(files).drivers.get(SECTION) or {}
    try:
        notes = asyncio.run(_checked(options))
    except InvalidConfig as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if output == "json":
        echo_json([{"error": note.error, "text": note.text} for note in notes])
    else:
        for note in notes:
            click.echo(f"{'WRONG' if note.error else 'ok':8}{note.text}")
    sys.exit(any(note.error for note in notes))


async def _checked(options: Mapping[str, object]) -> Sequence[SiteNote]:
    driver = drivers.load("node", "maas", options)
    try:
        return await driver.check()
    finally:
        await driver.close()


@command.command()
@config_option
@click.option("--url", help="The API's URL for machines; default: api.public_url.")
@click.option(
    "--node-ca-file", metavar="PATH", help="A PEM file on the installed machine that has the CA."
)
@click.option(
    "--no-check-certificate", is_flag=True, help="Machines take any certificate of the API."
)
def snippet(
    files: tuple[Path, ...], url: str | None, node_ca_file: str | None, no_check_certificate: bool
) -> None:
    """Print what MAAS' curtin_userdata needs so that machines fetch their boot data.

    The original's template works as well; one of the two has to be there.
    """
    if node_ca_file and no_check_certificate:
        raise click.UsageError("--node-ca-file or --no-check-certificate, not both")
    base = f"{url.rstrip('/')}/api/v1.0" if url else parts.task_settings(_settings(files)).boot_url
    trust = f"--ca-certificate={node_ca_file}" if node_ca_file else ""
    click.echo(
        the_snippet(base, "--no-check-certificate" if no_check_certificate else trust), nl=False
    )


def _settings(files: tuple[Path, ...]) -> Settings:
    """The settings as the daemon would have them; exits with 2 where they are wrong."""
    try:
        with daemons_environment(files) as environ:
            return load_values(preflight.files_of(files), environ, parts.schema()).settings
    except ConfigError as error:
        for mistake in error.mistakes:
            click.echo(str(mistake), err=True)
        sys.exit(2)
