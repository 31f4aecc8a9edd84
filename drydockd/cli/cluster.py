"""`drydock cluster`: the daemons that share one database."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from drydockd.cli.database import Files, database_options, find_database, told
from drydockd.cli.output import echo_json, echo_table, output_option
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.standing import Standing, standing

_COLUMNS = {
    "name": "Name",
    "runner": "Runner",
    "applied": "Applied",
    "lag": "Lag",
    "silent_seconds": "Silent s",
    "version": "Version",
    "address": "Address",
    "differs": "Differs in",
}


@click.group("cluster")
def command() -> None:
    """Look at the daemons that share one database."""


@command.command()
@database_options
@output_option("table")
def members(files: Files, url: str | None, url_file: Path | None, output: str) -> None:
    """List the daemons of a database: who runs the tasks, who lags behind, who is set otherwise.

    Asks the database, not a daemon: it works when none is up. `Lag` is how many writes a daemon
    has not shown yet, `Silent s` how long ago it was heard, `Differs in` the settings that are
    not those of the runner. Gone ones are listed too. The exit code is 1 when nobody runs.
    """
    with told():
        found = asyncio.run(_members(find_database(files, url, url_file).url))
    if output == "json":
        echo_json([asdict(one) for one in found])
    else:
        echo_table(_COLUMNS, map(_row, found))
    if not any(one.is_runner for one in found):
        click.echo("nobody has the lease: no task goes on until a daemon takes it", err=True)
        raise SystemExit(1)


async def _members(url: str) -> list[Standing]:
    async with asked(url, "drydock cluster members") as connection:
        return await standing(connection)


def _row(one: Standing) -> dict[str, object]:
    return asdict(one) | {
        "runner": "yes" if one.is_runner else "",
        "differs": ", ".join(one.differs),
    }
