"""`drydock store copy`, `drydock store upgrade`: what changes a whole store at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

import drydockd
from drydockd import parts
from drydockd.auth.secret import load_secret
from drydockd.cli.database import (
    Database,
    Files,
    database_options,
    find_database,
    is_typed,
    read_settings,
    refuse_password,
    told,
)
from drydockd.cli.output import echo_json, output_option
from drydockd.cli.units import require_stopped
from drydockd.model import timestamp
from drydockd.store.postgres.address import parse
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.copying import Copied
from drydockd.store.postgres.moving import Conditions, copy_in, copy_out
from drydockd.store.postgres.upgrading import upgrade as upgrade_format
from drydockd.store.statedir import StateDir

_FORM = "tiny:DIR, or postgres:URL, or postgres: alone for the database of the configuration"

replace_option = click.option(
    "--replace",
    metavar="NAME",
    help="Put the records in the place of those that are there, which are gone then: the name of"
    " the database, or of the state directory.",
)


@click.command("copy")
@click.argument("source")
@click.argument("target")
@database_options
@replace_option
@output_option("text")
def copy(
    source: str,
    target: str,
    files: Files,
    url: str | None,
    url_file: Path | None,
    replace: str | None,
    output: str,
) -> None:
    """Copy a whole store from SOURCE to TARGET: tiny:DIR to postgres:URL, or the other way.

    Every daemon of either must be stopped, and its socket unit too. TARGET must be empty, unless
    --replace names it. All is carried: records, messages, the order of tasks, blobs, and the
    origin of event ids. A copy that is cut short leaves TARGET as it was, or as something that no
    daemon starts on. At the end both are compared, and what they hold is printed.

    A URL in an argument has no password. `postgres:` alone means the database that --url-file,
    --url or the configuration names.
    """
    _refuse_like(source, target)
    if source.startswith("tiny:"):
        state, database = _state(source), _database(target, files, url, url_file)
        check_name(replace, parse(database.url).name)
        done = _into_database(state, database, replace)
    else:
        state, database = _state(target), _database(source, files, url, url_file)
        check_name(replace, state.path.absolute().name)
        done = _into_folder(database, state, replace)
    _tell(done, output)


@dataclass(frozen=True, slots=True)
class _Done:
    """What to tell of a copy."""

    source: str
    target: str
    copied: Copied
    notes: tuple[str, ...]


def _refuse_like(source: str, target: str) -> None:
    kinds = [word.partition(":")[0] for word in (source, target)]
    for word, kind in zip((source, target), kinds, strict=True):
        if kind not in ("tiny", "postgres"):
            raise click.UsageError(f"{word!r} is no store: say {_FORM}")
    if kinds[0] == kinds[1]:
        raise click.UsageError(
            "one is tiny:DIR, the other postgres:URL; between two of a kind, `drydock store"
            " backup` and `drydock store restore`"
        )


def _state(word: str) -> StateDir:
    path = word.removeprefix("tiny:")
    if not path:
        raise click.UsageError("tiny: needs its state directory, as in tiny:/var/lib/drydockd")
    require_stopped(Path(path))
    return StateDir(Path(path))


def _database(word: str, files: Files, url: str | None, url_file: Path | None) -> Database:
    named = word.removeprefix("postgres:")
    if not named:
        return find_database(files, url, url_file)
    if url_file is not None or is_typed("url"):
        raise click.UsageError("postgres:URL and --url or --url-file are two names; give one")
    # As if the URL began there: postgres://host/name.
    named = f"postgresql:{named}" if named.startswith("//") else named
    refuse_password(named, "postgres:URL")
    return Database(named, read_settings(files) if files else None)


def check_name(replace: str | None, name: str) -> None:
    """Raise a UsageError if something else than `name` is asked to be replaced."""
    if replace is not None and replace.strip("/") != name:
        raise click.UsageError(f"--replace {replace}: what would be replaced is {name}")


def conditions(database: Database, replace: str | None, secret: bytes | None) -> Conditions:
    """Return the conditions under which `database` may be replaced. Raises a UsageError."""
    check_name(replace, parse(database.url).name)
    return Conditions(database.lease_seconds, replace is not None, secret)


def secret_of(database: Database) -> bytes | None:
    """Return the secret of a database's daemons, None where there is none, or no configuration.

    Raises InvalidConfig for one that cannot be read.
    """
    path = parts.secret_file(database.settings) if database.settings is not None else None
    return None if path is None or not path.exists() else load_secret(path, create=False)


def _into_database(state: StateDir, database: Database, replace: str | None) -> _Done:
    with told():
        secret = load_secret(state.secret, create=False) if state.secret.exists() else None
        on = Conditions(database.lease_seconds, replace is not None, secret)
        copied = asyncio.run(copy_in(state, database.url, on))
    notes = []
    if copied.contents.counts["boot_contexts"]:
        notes.append(
            f"give every daemon of the database a copy of {state.secret} (auth.secret_file): the"
            " keys of nodes are derived from it"
        )
    notes.append(f"{state.path} is as it was; no daemon may start on it any more")
    return _Done(f"tiny:{state.path}", f"postgres:{database}", copied, tuple(notes))


def _into_folder(database: Database, state: StateDir, replace: str | None) -> _Done:
    with told():
        on = Conditions(database.lease_seconds, replace is not None, secret_of(database))
        moved = asyncio.run(copy_out(database.url, state, on))
    notes = []
    if moved.replaced is not None:
        notes.append(f"what was there before is in {moved.replaced}")
    if moved.lacks_secret:
        notes.append(
            f"put the secret of the database's daemons (auth.secret_file) at {state.secret}, mode"
            " 0600: no daemon starts without it"
        )
    notes.append("the database is as it was; no daemon may start on it any more")
    return _Done(f"postgres:{database}", f"tiny:{state.path}", moved.copied, tuple(notes))


def _tell(done: _Done, output: str) -> None:
    copied = done.copied
    if output == "json":
        echo_json(
            {
                "source": done.source,
                "target": done.target,
                "counts": copied.contents.counts,
                "sha256": copied.contents.digest,
                "seq": copied.seq,
                "origin": copied.origin,
                "notes": list(done.notes),
            }
        )
        return
    began = datetime.fromtimestamp(copied.origin / 1_000_000, UTC)
    click.echo(f"copied {done.source} -> {done.target}")
    click.echo(f"{copied.contents}")
    click.echo(f"both hold the same: sha256 {copied.contents.digest}")
    click.echo(f"writes go on behind {copied.seq}; the store began {timestamp(began)}")
    for note in done.notes:
        click.echo(note)


@click.command("upgrade")
@database_options
@output_option("text")
def upgrade(files: Files, url: str | None, url_file: Path | None, output: str) -> None:
    """Bring a database to this version's format, when no older daemon is left.

    Daemons of a new version work in the old format until then, so they are replaced one by one.
    Refuses while an older one lives, and names it. There is no way back but a backup.
    """
    with told():
        database = find_database(files, url, url_file)
        before, now = asyncio.run(_upgraded(database))
    if output == "json":
        echo_json({"before": before, "now": now})
    elif before == now:
        click.echo(f"nothing to do: {database} has format {now}, the newest this version knows")
    else:
        click.echo(f"{database} has format {now} now, it was {before}")


async def _upgraded(database: Database) -> tuple[int, int]:
    async with asked(database.url, "drydock store upgrade") as connection:
        return await upgrade_format(connection, drydockd.__version__, database.lease_seconds)
