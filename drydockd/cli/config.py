"""`drydock config`: check a configuration, show the outcome, convert one of the original."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import click

from drydockd import parts, preflight
from drydockd.cli.output import echo_json, output_option
from drydockd.cli.units import daemons_environment
from drydockd.config import ConfigError, load
from drydockd.config.convert import InvalidIni, convert
from drydockd.config.sample import sample
from drydockd.config.shown import shown
from drydockd.drivers import shipped
from drydockd.drivers.table import markdown

files_argument = click.argument(
    "files", nargs=-1, type=click.Path(dir_okay=False, path_type=Path), metavar="[FILE]..."
)


@click.group()
def command() -> None:
    """Work with the configuration of the daemon; needs none running."""


@command.command()
@files_argument
@output_option("text")
def check(files: tuple[Path, ...], output: str) -> None:
    """Report every mistake in FILE (default: /etc/drydockd/drydockd.yaml), environment included.

    Looks at everything the daemon looks at before it starts: values, drivers and what they need,
    keys, policy and TLS files, folders, addresses. Run it as the daemon's user, or as root, who
    is shown what the installed unit gives its daemon, credentials included. The exit code is 2
    when something is wrong, as it is of the daemon.
    """
    said: list[str] = []
    try:
        with daemons_environment(files) as environ:
            loaded = preflight.load(preflight.files_of(files), environ, hear=said.append)
    except ConfigError as error:
        if output == "json":
            mistakes = [str(mistake) for mistake in error.mistakes]
            echo_json({"good": False, "mistakes": mistakes, "warnings": said})
            sys.exit(2)
        _refuse(error)
    if output == "json":
        echo_json({"good": True, "mistakes": [], "warnings": [*loaded.warnings, *said]})
        return
    for warning in (*loaded.warnings, *said):
        click.echo(f"warning: {warning}", err=True)
    click.echo("the configuration is good")


@command.command()
@files_argument
def show(files: tuple[Path, ...]) -> None:
    """Print every option as the daemon would see it, as YAML, with the source of each value.

    The source is a file and line, the environment, a credential or the default. Secrets are masked.
    With mistakes it prints what can be read all the same, and them; the exit code is then 2.
    """
    schema = parts.schema()
    try:
        with daemons_environment(files) as environ:
            loaded = load(preflight.files_of(files), environ, schema)
        click.echo(shown(loaded, schema), nl=False)
    except ConfigError as error:
        if error.loaded is not None:
            click.echo(shown(error.loaded, schema), nl=False)
        _refuse(error)


@command.command(name="sample")
def print_sample() -> None:
    """Print a configuration with every option commented out, at its default."""
    click.echo(sample(parts.schema()), nl=False)


@command.command(name="drivers")
def print_drivers() -> None:
    """Print the drivers of this version and their options, as tables in Markdown."""
    click.echo(markdown(shipped()), nl=False)


@command.command(name="convert")
@click.argument("ini", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def convert_ini(ini: Path) -> None:
    """Print the configuration that the original's INI file means here."""
    try:
        converted = convert(ini.read_text(encoding="utf-8"), parts.schema())
    except InvalidIni as error:
        raise click.ClickException(f"{ini}: {error}") from error
    for note in converted.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(converted.text, nl=False)


def _refuse(error: ConfigError) -> NoReturn:
    for mistake in error.mistakes:
        click.echo(str(mistake), err=True)
    sys.exit(2)
