"""`drydock store`: check, repair, back up, restore, export and copy what daemons keep."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from drydockd.auth.jwtkeys import OLD_SECRET_FILE, SECRET_FILE
from drydockd.auth.secret import REMOVE, replace_secret, secret_problem
from drydockd.cli.database import (
    Database,
    Files,
    database_options,
    find_store,
    state_dir_option,
    told,
)
from drydockd.cli.output import echo_json, output_option
from drydockd.cli.store_copy import conditions, copy, replace_option, secret_of, upgrade
from drydockd.cli.units import require_stopped
from drydockd.store import archive
from drydockd.store.check import Report, missing_secret
from drydockd.store.check import check as check_state
from drydockd.store.export import export as export_records
from drydockd.store.postgres import moving
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.examining import examine
from drydockd.store.recovery import recover
from drydockd.store.repair import repair as repair_state
from drydockd.store.statedir import Lock, StateDir


@click.group("store")
def command() -> None:
    """Check, repair, back up, restore, export and copy the records of daemons.

    Which store that is say --state-dir, or --config, --url and --url-file for the database of
    several daemons (see `store.backend`); else the configuration in its usual place.
    """


command.add_command(copy)
command.add_command(upgrade)


@command.command()
@state_dir_option
@database_options
@output_option("text")
def check(
    state_dir: Path, files: Files, url: str | None, url_file: Path | None, output: str
) -> None:
    """Tell whether the records are whole; exits with 1 if they are not.

    Changes nothing, and may run beside the daemon. Of a database it holds each record against
    the feed of the writes, and looks at blobs, chain, privileges and the server's settings.
    """
    place = find_store(state_dir, files, url, url_file)
    with told():
        report = _report(place)
    if output == "json":
        found = {"facts": list(report.facts), "problems": list(report.problems)}
        echo_json({"whole": not report.problems, **found})
        raise SystemExit(bool(report.problems))
    for fact in report.facts:
        click.echo(fact)
    for problem in report.problems:
        click.echo(f"PROBLEM {problem}", err=True)
    if report.problems:
        raise SystemExit(1)
    click.echo("whole")


def _report(place: StateDir | Database) -> Report:
    if isinstance(place, Database):
        return asyncio.run(_examined(place.url))
    report = check_state(place)
    report.problems.extend(_secret_problems(place, report.boot_contexts))
    return report


async def _examined(url: str) -> Report:
    async with asked(url, "drydock store check") as connection:
        return await examine(connection, url)


def _secret_problems(state: StateDir, contexts: int) -> Iterator[str]:
    if (missing := missing_secret(state, contexts)) is not None:
        yield missing
    anew = f"run `drydock store new-secret --state-dir {state.path}` to make a new one"
    for path, how in (
        (state.secret, anew),
        (state.path / SECRET_FILE, REMOVE),
        (state.path / OLD_SECRET_FILE, REMOVE),
    ):
        if (problem := secret_problem(path, anew=how)) is not None:
            yield problem


@command.command()
@state_dir_option
def repair(state_dir: Path) -> None:
    """Replace damaged files by what is whole in them, and say what was dropped.

    The daemon must be stopped, and its socket unit too. The damaged files are kept.
    """
    require_stopped(state_dir)
    with told():
        done = repair_state(StateDir(state_dir))
    if done.originals is None:
        click.echo(f"nothing to repair: {done.kept}")
        return
    for dropped in done.dropped:
        click.echo(f"DROPPED {dropped}")
    for doubtful in done.doubtful:
        click.echo(f"UNSURE {doubtful}")
    click.echo(f"kept {done.kept}")
    click.echo(f"the damaged files are in {done.originals}")


@command.command("new-secret")
@state_dir_option
def new_secret(state_dir: Path) -> None:
    """Make a new secret for the keys of nodes, when the old one is lost or known to others.

    The daemon must be stopped, and its socket unit too. Nodes that are being deployed can
    neither fetch their boot data nor report any more: deploy them again. An old secret is kept
    beside the new one.
    """
    state = StateDir(state_dir)
    if not state_dir.is_dir():
        raise click.ClickException(f"{state_dir}: no such state directory; give --state-dir")
    require_stopped(state_dir)
    with told():
        lock = Lock(state)
        try:
            nodes = sorted(recover(state).tables.boot_contexts)
            old = replace_secret(state.secret)
        finally:
            lock.release()
    click.echo(f"made {state.secret}")
    if old is not None:
        click.echo(f"the old one is {old}; remove it when you are sure")
    if nodes:
        click.echo(f"void are the keys of {len(nodes)} nodes: {', '.join(nodes)}")


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@state_dir_option
@database_options
def backup(
    file: Path, state_dir: Path, files: Files, url: str | None, url_file: Path | None
) -> None:
    """Write all records, their blobs and the server's secrets to the tar file FILE.

    May run beside the daemon. A name that ends in .gz is compressed. Keep it as safe as the
    state directory itself. A backup of a database is the same file, and either is restored to
    either; its secret comes from the file that `auth.secret_file` of --config names.
    """
    place = find_store(state_dir, files, url, url_file)
    with told():
        if isinstance(place, StateDir):
            click.echo(archive.backup(place, file.absolute()))
            return
        secret = secret_of(place)
        click.echo(asyncio.run(moving.backup(place.url, file.absolute(), secret)))
    if secret is None:
        click.echo(
            "without the server's secret, from which the keys of nodes are derived: give --config,"
            " or keep a copy of that file yourself",
            err=True,
        )


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@state_dir_option
@database_options
@replace_option
def restore(
    file: Path,
    state_dir: Path,
    files: Files,
    url: str | None,
    url_file: Path | None,
    replace: str | None,
) -> None:
    """Put the backup FILE into a state directory, or a database, that holds no records yet.

    The daemon must be stopped, and its socket unit too; of a database, all of its daemons.
    """
    place = find_store(state_dir, files, url, url_file)
    if isinstance(place, Database):
        with told():
            on = conditions(place, replace, secret_of(place))
            copied = asyncio.run(moving.restore(file.absolute(), place.url, on))
        click.echo(f"restored {copied.contents}")
        return
    if replace is not None:
        raise click.UsageError("--replace is for a database; move the state directory away instead")
    require_stopped(place.path)
    with told():
        click.echo(f"restored {archive.restore(file, place)}")


@command.command()
@click.option("--output", type=click.File("wb"), default="-", help="Default: standard output.")
@state_dir_option
@database_options
def export(
    output: BinaryIO, state_dir: Path, files: Files, url: str | None, url_file: Path | None
) -> None:
    """Print every record as a line of JSON, without secrets.

    May run beside the daemon.
    """
    place = find_store(state_dir, files, url, url_file)
    with told():
        if isinstance(place, Database):
            asyncio.run(moving.export(place.url, output.write))
            return
        for line in export_records(place):
            output.write(line)
