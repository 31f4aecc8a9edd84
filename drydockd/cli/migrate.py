"""`drydock migrate`: take over what the original kept, its configuration and its database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from drydockd import parts
from drydockd.auth.policy import DEFAULT_RULE
from drydockd.auth.secret import load_secret
from drydockd.cli.units import require_stopped
from drydockd.config.convert import Converted, InvalidIni, convert, parse_ini
from drydockd.errors import DrydockError, InvalidConfig, StoreRefused
from drydockd.migrate import (
    Carrier,
    Original,
    Tally,
    policy_differences,
    rehearsal,
)
from drydockd.model import timestamp
from drydockd.preflight import DEFAULT_CONFIG
from drydockd.store import Store, open_store
from drydockd.store.check import missing_secret
from drydockd.store.postgres.address import shown_url
from drydockd.store.statedir import StateDir

# An original that said so much ago that it is at work, still is.
ALIVE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Move:
    """What is asked for."""

    conf: Path
    database_url: str | None
    output: Path
    state: StateDir
    is_dry: bool


@click.command("migrate")
@click.option(
    "--from-conf",
    "conf",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The original's drydock.conf.",
)
@click.option(
    "--database-url",
    envvar="DRYDOCK_DB_URL",
    show_envvar=True,
    help="postgresql://USER:PASSWORD@HOST:PORT/DATABASE of the original; TLS as libpq's sslmode. "
    "Without it no records are taken over.",
)
@click.option(
    "--database-from-conf", is_flag=True, help="Read the database that drydock.conf names."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Where the new configuration goes. A file that is there stays as it is.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default="/var/lib/drydockd",
    envvar="DRYDOCKD_STORE__STATE_DIR",
    show_default=True,
    show_envvar=True,
    help="The state directory to write into; made if it is not there.",
)
@click.option("--dry-run", is_flag=True, help="Say everything that would be done, change nothing.")
def command(
    conf: Path,
    database_url: str | None,
    database_from_conf: bool,
    output: Path,
    state_dir: Path,
    dry_run: bool,
) -> None:
    """Take over an original: its configuration, policy, and what its database holds.

    Tasks with their messages, boot actions with the keys of their nodes, and build data go into
    the state directory. Whatever cannot be carried is counted, with the reason. The original must
    be stopped, and drydockd too, its socket unit included. It may be repeated, also after it
    was cut off: what is there already stays as it is.
    """
    text = _read(conf)
    if database_from_conf:
        database_url = _named_in(conf, text)
    move = Move(conf, database_url, output, StateDir(state_dir), dry_run)
    try:
        if not dry_run and database_url is not None:
            require_stopped(state_dir)
        asyncio.run(_moved(move, text))
    except (DrydockError, OSError) as error:
        raise click.ClickException(str(error)) from error


async def _moved(move: Move, text: str) -> None:
    if move.database_url is None:
        _configuration(move, _converted(move.conf, text))
        _policy(move.conf, text)
        click.echo("no records: --database-url says where the original keeps them")
        return
    async with Original.opened(move.database_url) as original, _store(move) as store:
        references = [reference async for reference in original.references() if reference]
        _configuration(move, _converted(move.conf, text, references))
        _policy(move.conf, text)
        await _records(move, original, store)


# -- configuration and policy


def _read(conf: Path) -> str:
    try:
        return conf.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{conf}: not UTF-8: {error.reason}") from error


def _named_in(conf: Path, text: str) -> str:
    found = _ini(conf, text).get("database", {}).get("database_connect_string")
    if not found:
        raise click.ClickException(f"{conf} has no [database] database_connect_string")
    return found[-1]


def _ini(conf: Path, text: str) -> dict[str, dict[str, list[str]]]:
    try:
        return parse_ini(text)
    except InvalidIni as error:
        raise click.ClickException(f"{conf}: {error}") from error


def _converted(conf: Path, text: str, references: Iterable[str] = ()) -> Converted:
    try:
        return convert(text, parts.schema(), references)
    except InvalidIni as error:
        raise click.ClickException(f"{conf}: {error}") from error


def _configuration(move: Move, converted: Converted) -> None:
    click.echo(f"configuration: {move.conf} -> {move.output}")
    for note in converted.notes:
        click.echo(f"  note: {note}")
    if os.path.lexists(move.output):
        is_same = move.output.read_text(encoding="utf-8") == converted.text
        differs = "is this already" if is_same else "is there and is not this; it stays as it is"
        click.echo(f"  {move.output} {differs}")
        if is_same:
            return
    elif not move.is_dry:
        _write(move.output, converted.text)
        click.echo(f"  written, for its owner's eyes only; `drydock config check {move.output}`")
        return
    if move.is_dry:
        click.echo("  it would be:" if not os.path.lexists(move.output) else "  this is:")
        for line in converted.text.splitlines():
            click.echo(f"    {_veiled(line)}")


def _veiled(line: str) -> str:
    """Return a line of the new file without the value of what may be a secret."""
    name, colon, _ = line.partition(":")
    option = name.strip()
    is_secret = any(word in option for word in ("password", "api_key", "secret", "token_key"))
    return f"{name}{colon} ***" if is_secret and not option.startswith("#") else line


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _policy(conf: Path, text: str) -> None:
    options = _ini(conf, text).get("oslo_policy", {})
    file = conf.parent / options.get("policy_file", ["policy.yaml"])[-1]
    folders = [conf.parent / folder for folder in options.get("policy_dirs", ["policy.d"])]
    default = options.get("policy_default_rule", [DEFAULT_RULE])[-1]
    click.echo(f"policy: {file}")
    try:
        differences = list(policy_differences(file, folders, default))
    except InvalidConfig as error:
        click.echo(f"  drydockd would not start with it: {error}")
        return
    for difference in differences:
        click.echo(f"  {difference}")


# -- records


@asynccontextmanager
async def _store(move: Move) -> AsyncIterator[Store]:
    """The store to write into, ours alone; for a dry run, one to rehearse on."""
    if move.is_dry:
        yield rehearsal(move.state)
        return
    store = await open_store("tiny", move.state.path)
    try:
        problem = missing_secret(move.state, len(store.boot_contexts()))
        if problem is not None:
            raise StoreRefused(problem)
        # Before a record says that there are keys: without it the daemon would not start.
        load_secret(move.state.secret)
        yield store
    finally:
        await store.close()


async def _records(move: Move, original: Original, store: Store) -> None:
    tls = "by TLS" if await original.is_encrypted() else "without TLS"
    click.echo(f"records: {shown_url(move.database_url or '')} ({tls}) -> {move.state.path}")
    alive = await original.seconds_since_alive()
    if alive is not None and alive < ALIVE_SECONDS:
        click.echo(
            f"  WARNING the original said {alive} s ago that it is at work: what it does from now "
            "on is not taken over. Stop it first"
        )
    carrier = Carrier(original, store, timestamp())
    await carrier.run()
    _tell(carrier.tally)
    click.echo("nothing was changed" if move.is_dry else "done")


def _tell(tally: Tally) -> None:
    for line in tally.table():
        click.echo(f"  {line}")
    left_out = list(tally.left_out())
    if left_out:
        click.echo("not carried:")
    for line in left_out:
        click.echo(f"  {line}")
    click.echo("not carried, as they have no meaning here: leadership (active_instance)")
    for note, number in tally.notes.items():
        click.echo(f"  note: {number} {note}" if number > 1 else f"  note: {note}")
