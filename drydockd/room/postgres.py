"""A PostgreSQL of one's own for labs and benchmarks: Debian's programs, a folder, loopback only.

It is durable as it comes: no setting is turned off that daemons rely on. It refuses to be root's,
so as root it is nobody's. Source: https://www.postgresql.org/docs/current/, initdb and pg_ctl.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydockd.errors import DrydockError

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
OLDEST = 14
USER = "drydock"
UNPRIVILEGED = "nobody"
MOST_SECONDS = 120
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # By TCP only: the path of a socket has 107 characters, a folder may have more.
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
}


class PostgresTrouble(DrydockError):
    """There is no PostgreSQL, or it does not start; the text says why."""


def programs() -> Path:
    """Return the folder of the newest version's programs. Raises PostgresTrouble."""
    found = {
        int(match[1]): path
        for place in PLACES
        for path in Path("/").glob(place[1:])
        if (path / "initdb").exists() and (match := re.search(r"(\d+)/bin$", str(path)))
    }
    if found and max(found) >= OLDEST:
        return found[max(found)]
    there = f"only version {max(found)}" if found else "none"
    raise PostgresTrouble(
        f"needs PostgreSQL {OLDEST} or newer, and there is {there} in "
        f"{' or '.join(PLACES)}: apt-get install postgresql"
    )


@dataclass(slots=True)
class Postgres:
    """One server in `folder`, which is its alone; `start` and `stop` may alternate.

    `begun` is told the number of each program that is run, all but that of the server itself.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    begun: Callable[[int], None] = lambda pid: None
    port: int = 0
    _password: str = field(default="", repr=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid_file(self) -> Path:
        """Of the server; it is there while it runs."""
        return self.data / "postmaster.pid"

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make what is not there yet, and return when it takes connections.

        Blocks for a second or two. Raises PostgresTrouble.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        _give(self.folder)
        if not (self.data / "PG_VERSION").exists():
            self._make()
        self._password = (self.folder / "password").read_text(encoding="ascii")
        self.port = free_port()
        settings = SETTINGS | self.settings | {"port": str(self.port)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "-w", "-s", "-D", str(self.data), "-l", log, "-o", options)

    def stop(self, how: str = "fast") -> None:
        """Stop it; safe if it does not run. `how` is pg_ctl's mode. Raises PostgresTrouble."""
        if self.pid_file.exists():
            self._run("pg_ctl", "stop", "-w", "-s", "-D", str(self.data), "-m", how)

    def database(self, name: str) -> str:
        """Make an empty database if there is none of that name; return its URL."""
        there = self._psql("postgres", "SELECT datname FROM pg_database").split()
        if name not in there:
            self._psql("postgres", f'CREATE DATABASE "{name}"')
        return self.url(name)

    def _make(self) -> None:
        password = self.folder / "password"
        password.write_text(secrets.token_urlsafe(24), encoding="ascii")
        password.chmod(0o600)
        _give(password)
        shutil.rmtree(self.data, ignore_errors=True)  # one that was not finished
        self._run(
            *("initdb", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256"),
            *(f"--username={USER}", f"--pwfile={password}", f"--pgdata={self.data}"),
        )

    def _psql(self, database: str, sql: str) -> str:
        where = (f"--host=127.0.0.1 --port={self.port} --username={USER}").split()
        return self._run("psql", "-XqAt", *where, f"--dbname={database}", f"--command={sql}")

    def _run(self, program: str, *arguments: str) -> str:
        said = self.folder / "said"
        # Its output goes to a file: the server inherits it, and would hold a pipe open.
        with (
            said.open("w", encoding="utf-8") as output,
            subprocess.Popen(  # noqa: S603 (programs of the package)
                [str(programs() / program), *arguments],
                cwd="/",
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LC_ALL": "C.UTF-8",
                    "PGPASSWORD": self._password,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for who started the lab, and he ends this one last.
                start_new_session=True,
                **_identity(),
            ) as process,
        ):
            self.begun(process.pid)
            code = process.wait(MOST_SECONDS)
        text = said.read_text(encoding="utf-8", errors="replace")
        if code:
            log = self.folder / "log"
            told = text + (log.read_text(errors="replace") if log.exists() else "")
            user = f" as user {UNPRIVILEGED}, who has to reach it" if os.geteuid() == 0 else ""
            raise PostgresTrouble(
                f"{program} of PostgreSQL failed in {self.folder}{user}: {told[-2000:]}"
            )
        return text


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Postgres]:
    """Run a server with its files in `folder` and these settings. Raises PostgresTrouble."""
    server = Postgres(folder, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")


def free_port() -> int:
    """Return a port of loopback that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _identity() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _give(path: Path) -> None:
    """Make `path` the server's user's. Those above it have to let him pass."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(path, user.pw_uid, user.pw_gid)
