"""`drydock store`: check, repair, back up, restore and export a state directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from drydockd.auth.jwtkeys import OLD_SECRET_FILE, SECRET_FILE
from drydockd.auth.secret import REMOVE, replace_secret, secret_problem
from drydockd.cli.output import echo_json, output_option
from drydockd.cli.units import require_stopped
from drydockd.errors import DrydockError
from drydockd.store import archive
from drydockd.store.check import check as check_state
from drydockd.store.check import missing_secret
from drydockd.store.export import export as export_records
from drydockd.store.recovery import recover
from drydockd.store.repair import repair as repair_state
from drydockd.store.statedir import Lock, StateDir

Command = Callable[..., None]


def _with_state_dir(function: Command) -> Command:
    option = click.option(
        "--state-dir",
        "state_dir",
        type=click.Path(file_okay=False, path_type=Path),
        default="/var/lib/drydockd",
        envvar="DRYDOCKD_STORE__STATE_DIR",
        show_default=True,
        show_envvar=True,
        help="The daemon's state directory.",
    )
    return option(function)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the store and the disk are sentences, not tracebacks."""
    try:
        yield
    except (DrydockError, OSError) as error:
        raise click.ClickException(str(error)) from error


@click.group("store")
def command() -> None:
    """Check, repair, back up, restore and export the records on disk."""


@command.command()
@_with_state_dir
@output_option("text")
def check(state_dir: Path, output: str) -> None:
    """Tell whether the state directory is whole; exits with 1 if it is not.

    Changes nothing, and may run beside the daemon.
    """
    state = StateDir(state_dir)
    with _told():
        report = check_state(state)
        report.problems.extend(_secret_problems(state, report.boot_contexts))
    if output == "json":
        told = {"facts": list(report.facts), "problems": list(report.problems)}
        echo_json({"whole": not report.problems, **told})
        raise SystemExit(bool(report.problems))
    for fact in report.facts:
        click.echo(fact)
    for problem in report.problems:
        click.echo(f"PROBLEM {problem}", err=True)
    if report.problems:
        raise SystemExit(1)
    click.echo("whole")


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
@_with_state_dir
def repair(state_dir: Path) -> None:
    """Replace damaged files by what is whole in them, and say what was dropped.

    The daemon must be stopped, and its socket unit too. The damaged files are kept.
    """
    require_stopped(state_dir)
    with _told():
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
@_with_state_dir
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
    with _told():
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
@_with_state_dir
def backup(file: Path, state_dir: Path) -> None:
    """Write all records, their blobs and the server's secrets to the tar file FILE.

    May run beside the daemon. A name that ends in .gz is compressed. Keep it as safe as the
    state directory itself.
    """
    with _told():
        click.echo(archive.backup(StateDir(state_dir), file.absolute()))


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_with_state_dir
def restore(file: Path, state_dir: Path) -> None:
    """Put the backup FILE into a state directory that holds no records yet.

    The daemon must be stopped, and its socket unit too.
    """
    require_stopped(state_dir)
    with _told():
        click.echo(f"restored {archive.restore(file, StateDir(state_dir))}")


@command.command()
@click.option("--output", type=click.File("wb"), default="-", help="Default: standard output.")
@_with_state_dir
def export(output: BinaryIO, state_dir: Path) -> None:
    """Print every record as a line of JSON, without secrets.

    May run beside the daemon.
    """
    with _told():
        for line in export_records(StateDir(state_dir)):
            output.write(line)
