"""Which store a command is about: the configuration says it, or its own options.

A password in an argument is seen by everybody on the host; such a URL is refused, and the other
places for it are named.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource

from drydockd import parts, preflight
from drydockd.cli.units import config_option, daemons_environment
from drydockd.config import ConfigError, Settings, load
from drydockd.errors import DrydockError, InvalidInput
from drydockd.store.postgres.address import parse, shown_url
from drydockd.store.statedir import StateDir

Command = Callable[..., None]
Files = tuple[Path, ...]
# The longest lease there may be, where no configuration says how long it is.
LONGEST_LEASE = 60.0
_BACKEND = "DRYDOCKD_STORE__BACKEND"
_ELSEWHERE = (
    "a password in an argument is seen by everybody on this host. Leave it out and set PGPASSWORD"
    " or PGPASSFILE; or give --config, or --url-file with a file that holds the whole URL"
)


@dataclass(frozen=True, slots=True)
class Database:
    """A database, and what its daemons' configuration says, where one was read."""

    url: str
    settings: Settings | None = None

    def __str__(self) -> str:
        return shown_url(self.url)

    @property
    def lease_seconds(self) -> float:
        """After so many seconds of silence a daemon is gone."""
        return LONGEST_LEASE if self.settings is None else self.settings.cluster.lease_seconds


def database_options(function: Command) -> Command:
    """Give a command ``files``, ``url`` and ``url_file``, for `find_database`."""
    by_file = click.option(
        "--url-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file that holds the database's URL, password included, for its owner's eyes only.",
    )
    by_url = click.option(
        "--url",
        envvar="DRYDOCKD_STORE__URL",
        show_envvar=True,
        help="The database's URL, without a password: PGPASSWORD, PGPASSFILE and ~/.pgpass are "
        "read. In the variable it may have one.",
    )
    return config_option(by_url(by_file(function)))


def state_dir_option(function: Command) -> Command:
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
def told() -> Iterator[None]:
    """Errors of the store and the disk are sentences, not tracebacks."""
    try:
        yield
    except (DrydockError, OSError) as error:
        raise click.ClickException(str(error)) from error


def find_database(files: Files, url: str | None, url_file: Path | None) -> Database:
    """Return the database that the options name, else that of the configuration.

    Raises click's errors: usage, and what is wrong with a file.
    """
    given = _given(url, url_file)
    if given is not None and not files:
        return Database(given)
    settings = read_settings(files)
    if given is not None:
        return Database(given, settings)
    if settings.store.url is None:
        raise click.ClickException(
            f"store.backend is {settings.store.backend}: this configuration names no database."
            " Give --config with that of a daemon on postgres, --url or --url-file"
        )
    return Database(settings.store.url.get_secret_value(), settings)


def find_store(
    state_dir: Path, files: Files, url: str | None, url_file: Path | None
) -> StateDir | Database:
    """Return the store a command is about: what is typed, else the variables, else as configured.

    Without a word, and without a configuration in its usual place, it is `state_dir`.
    """
    is_named = is_typed("url") or url_file is not None
    if is_typed("state_dir"):
        if is_named or files:
            raise click.UsageError("--state-dir and a database are two stores; name one")
        return StateDir(state_dir)
    if is_named:
        return find_database(files, url, url_file)
    if files:
        settings = read_settings(files)
        is_shared = settings.store.backend == "postgres"
        return (
            find_database(files, url, url_file) if is_shared else StateDir(settings.store.state_dir)
        )
    if _is_usually_shared(url):
        return find_database(files, url, url_file)
    return StateDir(state_dir)


def _is_usually_shared(url: str | None) -> bool:
    """Whether the daemon of this host, as it is configured, shares a database."""
    if _BACKEND not in os.environ and not preflight.DEFAULT_CONFIG.exists():
        return url is not None
    try:
        return _loaded(()).store.backend == "postgres"
    except ConfigError as error:
        if error.loaded is not None and error.loaded.settings.store.backend == "postgres":
            return True
        # A directory can be looked at whatever its daemon is told.
        click.echo(f"note: the configuration cannot be read: {error}", err=True)
        return False


def _given(url: str | None, url_file: Path | None) -> str | None:
    """The URL of the options, None where the configuration is to say it."""
    if url_file is not None:
        if is_typed("url"):
            raise click.UsageError("--url and --url-file say the same thing; give one of them")
        return _checked(_content(url_file), str(url_file))
    if url is not None and is_typed("url"):
        refuse_password(url, "--url")
        return url
    # A variable yields to a file that is named; the configuration reads it as well.
    return None if url is None or is_typed("files") else _checked(url, "DRYDOCKD_STORE__URL")


def refuse_password(url: str, where: str) -> None:
    """Raise a UsageError if `url`, an argument, holds a password."""
    with _usage(where):
        if parse(url).secrets():
            raise click.UsageError(f"{where}: {_ELSEWHERE}")


def _checked(url: str, where: str) -> str:
    with _usage(where):
        parse(url)
    return url


@contextmanager
def _usage(where: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise click.UsageError(f"{where}: {error}") from None


def _content(path: Path) -> str:
    with told(), path.open(encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
            raise click.ClickException(
                f"{path} can be read by others than its owner; run `chmod go= {path}`"
            )
        return file.read().strip()


def is_typed(name: str) -> bool:
    """Whether the option stands in the command line: not in a variable, not by default."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def read_settings(files: Files) -> Settings:
    """Return the values of the configuration. Raises a ClickException with all mistakes."""
    try:
        return _loaded(files)
    except ConfigError as error:
        raise click.ClickException(f"the configuration cannot be read:\n{error}") from error


def _loaded(files: Files) -> Settings:
    with daemons_environment(files) as environ:
        return load(preflight.files_of(files), environ, parts.schema()).settings
