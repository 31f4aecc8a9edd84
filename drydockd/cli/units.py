"""What the shipped systemd units do, for commands that stand in for their daemon.

Which of them must be stopped before a command has a state directory for itself, and what they
give their daemon besides the configuration file.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from drydockd import parts, preflight
from drydockd.config import ConfigError, load

config_option = click.option(
    "--config",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The daemon's configuration; default: /etc/drydockd/drydockd.yaml.",
)

SERVICE = "drydockd.service"
STATE = Path("/var/lib")
# Its presence is how sd_booted(3) tells that systemd is process 1.
BOOTED = Path("/run/systemd/system")


def require_stopped(state_dir: Path) -> None:
    """Raise a ClickException if systemd has, or would start, a daemon on `state_dir`.

    A stopped service is not enough: its socket unit starts it at the next connection.
    """
    if not BOOTED.is_dir() or not _is_units(state_dir):
        return
    units = [SERVICE, *_asked("TriggeredBy", SERVICE).split()]
    active = [unit for unit in units if _asked("ActiveState", unit) not in ("inactive", "failed")]
    if active:
        raise click.ClickException(
            f"{' and '.join(active)} must be stopped: a connection would start drydockd on "
            f"{state_dir} meanwhile. Run `systemctl stop {' '.join(reversed(units))}` first, and "
            f"`systemctl start {SERVICE}` afterwards"
        )


@contextmanager
def daemons_environment(files: Sequence[Path]) -> Iterator[Mapping[str, str]]:
    """Yield the environment that the configuration is to be read with.

    Ours; and where root asks about the usual file (no `files`), under it the variables and the
    credentials that the installed unit gives its daemon, as root may read them where they lie.
    """
    environ = dict(os.environ)
    is_asked = not files or preflight.DEFAULT_CONFIG in files
    if os.geteuid() != 0 or not is_asked or not BOOTED.is_dir() or not _is_installed():
        yield environ
        return
    given = (pair.partition("=") for pair in shlex.split(_asked("Environment", SERVICE)))
    environ = {name: value for name, _, value in given if name.startswith("DRYDOCKD_")} | environ
    with tempfile.TemporaryDirectory(prefix="drydock-") as folder:
        for name, path in _credentials():
            (Path(folder) / name).symlink_to(path)
        environ.setdefault("CREDENTIALS_DIRECTORY", folder)
        yield environ


def _is_installed() -> bool:
    return _asked("LoadState", SERVICE) == "loaded"


def _credentials() -> Iterator[tuple[str, str]]:
    """Yield name and file of each ``LoadCredential=``; `systemctl show` does not print them."""
    found: dict[str, str] = {}
    for line in _systemctl("cat", SERVICE).splitlines():
        option, _, value = line.partition("=")
        if option.strip() != "LoadCredential":
            continue
        name, _, path = value.strip().partition(":")
        if not name:
            found.clear()  # an empty assignment takes the earlier ones back
        elif path.startswith("/"):
            found[name] = path
    yield from ((name, path) for name, path in found.items() if os.path.exists(path))


def _is_units(state_dir: Path) -> bool:
    wanted = os.path.realpath(state_dir)
    return any(os.path.realpath(folder) == wanted for folder in _folders())


def _folders() -> Iterator[Path]:
    """The state directories the unit's daemon may use: that of the unit, that of its file."""
    yield from (STATE / name for name in _asked("StateDirectory", SERVICE).split())
    try:
        files = preflight.files_of(())
        yield load(files, {}, parts.schema()).settings.store.state_dir
    except ConfigError:
        return  # then that daemon does not start


def _asked(name: str, unit: str) -> str:
    """Return a property of a unit; empty for one that systemd does not know."""
    return _systemctl("show", "--property", name, "--value", unit).strip()


def _systemctl(*arguments: str) -> str:
    command = ["systemctl", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise click.ClickException(f"cannot ask systemd: {error}") from error
    if done.returncode != 0:
        raise click.ClickException(f"cannot ask systemd: {done.stderr.strip()}")
    return done.stdout
