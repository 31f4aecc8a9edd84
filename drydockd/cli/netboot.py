"""`drydock netboot`: whether this host can serve boot networks, and how the site's DHCP helps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from drydockd import parts, preflight
from drydockd.cli.design_source import load_usable
from drydockd.cli.units import config_option, daemons_environment
from drydockd.config import ConfigError
from drydockd.config import load as load_values
from drydockd.drivers.node.netboot.snippet import SERVERS, snippet

if TYPE_CHECKING:
    from drydockd.drivers.node.netboot.options import NetbootOptions

SECTION = "netboot_driver"


@click.group()
def command() -> None:
    """Prepare a host that boots machines from the network; needs no daemon."""


@command.command()
@config_option
@click.option("--design", metavar="REF", help="Look for an interface in each of its boot networks.")
@click.option("--no-ask", is_flag=True, help="Send nothing: look for no other DHCP server.")
def setup(files: tuple[Path, ...], design: str | None, no_ask: bool) -> None:
    """Check what the driver netboot needs on this host, and say what to do.

    Packages, units, images, interfaces, ports, the boot listener, and other DHCP servers on the
    boot interfaces: it asks for an address as a machine would (as root) and takes none. Nothing
    is changed. The exit status is 1 where something stands in the way, 2 for a bad configuration.
    """
    from drydockd.drivers.node.netboot import hostcheck

    options = _options(files)
    networks = load_usable(design).site.networks if design else None
    told = []
    for one in hostcheck.run(options, networks, asks=not no_ask):
        told.append(one)
        mark = "ok" if one.is_good else "note" if one.is_advice else "MISSING"
        click.echo(f"{mark:8}{one.text}" + (f"\n        -> {one.todo}" if one.todo else ""))
    sys.exit(hostcheck.exit_status(told))


@command.command(name="dhcp-snippet")
@config_option
@click.option("--server", type=click.Choice(sorted(SERVERS)), default="isc", show_default=True)
def dhcp_snippet(files: tuple[Path, ...], server: str) -> None:
    """Print how the site's own DHCP server points machines at us (netboot_driver.dhcp: none)."""
    click.echo(snippet(server, _options(files).base_url), nl=False)


def _options(files: tuple[Path, ...]) -> NetbootOptions:
    """The driver's options as the daemon would have them; exits with 2 where they are wrong."""
    from drydockd.drivers.node.netboot.options import NetbootOptions

    schema = parts.schema()
    try:
        with daemons_environment(files) as environ:
            loaded = load_values(preflight.files_of(files), environ, schema)
    except ConfigError as error:
        for mistake in error.mistakes:
            click.echo(str(mistake), err=True)
        sys.exit(2)
    given = loaded.settings.drivers.get(SECTION)
    if not given:
        click.echo(
            f"no section {SECTION} in the configuration; it needs at least base_url "
            "(docs/netboot.md)",
            err=True,
        )
        sys.exit(2)
    try:
        return NetbootOptions.model_validate(given)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            name = ".".join(str(part) for part in one["loc"])
            click.echo(f"{SECTION}.{name}: {one['msg']}", err=True)
        sys.exit(2)
