"""How a running daemon is told to take its configuration again, and says what came of it.

A signal has no answer, so there is a socket too: whoever connects to it has the daemon reload,
and is told the outcome as one line of JSON. `drydockd --reload` does, for ``ExecReload=``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from drydockd.config import Loaded, Schema, Settings, effective

# What a reload takes; everything else needs a restart.
TAKEN = frozenset({("logging", "log_level"), ("api", "tls_cert"), ("api", "tls_key")})
RUNTIME_DIRECTORY = Path("/run/drydockd")
ANSWER_SECONDS = 60.0
MAX_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reload came to: what was taken, or the mistakes that refused it; one a line."""

    is_refused: bool
    lines: tuple[str, ...]


class NoDaemon(Exception):
    """Nobody answers at the socket; the message says where."""


def socket_path(environ: Mapping[str, str]) -> Path:
    """Return where the socket of the unit's daemon is. Source: systemd.exec(5)."""
    folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return (Path(folder) if folder else RUNTIME_DIRECTORY) / "reload"


def open_socket(path: Path) -> socket.socket:
    """Return a new socket at `path`, for its owner and root only. Raises OSError."""
    path.unlink(missing_ok=True)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.bind(os.fspath(path))
        path.chmod(0o600)
    except OSError:
        opened.close()
        raise
    return opened


async def answer(path: Path, reload: Callable[[], Outcome]) -> asyncio.Server:
    """Call `reload` for each who connects to `path`, and tell him. Raises OSError."""

    async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(json.dumps(asdict(reload())).encode() + b"\n")
        with contextlib.suppress(ConnectionError):  # he did not wait; the log has it
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(told, sock=open_socket(path))


def ask(path: Path) -> Outcome:
    """Have the daemon behind `path` reload; waits for the outcome. Raises NoDaemon."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(os.fspath(path))
            with connection.makefile("rb") as stream:
                told = json.loads(stream.readline(MAX_ANSWER_BYTES))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NoDaemon(f"no drydockd answers at {path}: {reason}") from error
    return Outcome(bool(told["is_refused"]), tuple(map(str, told["lines"])))


def waiting(running: Settings, new: Loaded, schema: Schema) -> list[str]:
    """Name what `new` says otherwise than the `running` settings and only a restart takes.

    As ``section.option (file:line)``; the place is missing where it is now a default.
    """
    before, after = effective(running, schema), effective(new.settings, schema)
    found = []
    for section in dict.fromkeys((*before, *after)):
        old, now = before.get(section, {}), after.get(section, {})
        for option in dict.fromkeys((*old, *now)):
            if old.get(option) == now.get(option) or _is_taken(running, new, section, option):
                continue
            origin = new.origins.get((section, option))
            found.append(f"{section}.{option} ({origin})" if origin else f"{section}.{option}")
    return found


def _is_taken(running: Settings, new: Loaded, section: str, option: str) -> bool:
    if section == "api" and (running.api.tls_cert is None) != (new.settings.api.tls_cert is None):
        return False  # a socket speaks HTTP or HTTPS for as long as it is served
    return (section, option) in TAKEN
