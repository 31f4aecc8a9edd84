"""A real PostgreSQL for tests: Debian's, in a temporary folder, as a user that is not root.

Fixtures: `postgres_server` runs for as long as the test process, and is not durable (no fsync);
`postgres` is an empty database of the test's own on it; `make_postgres` starts a server of the
test's own, durable if it is told so. Everybody speaks to it by TCP on the loopback address with
a password, with TLS or without, or by its unix socket, without one.
"""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.peers.certificates import Authority
from tests.peers.keystone import free_port

USER, PASSWORD = "drydock", "pg-secret/91@x"
# It refuses to be root's; this user owns nothing else.
UNPRIVILEGED = "nobody"
# The tests' machine may be cut off at any time: what is in a test's database may be lost then.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "ssl": "on",
    "ssl_cert_file": "server.pem",
    "ssl_key_file": "server.pem",
    "password_encryption": "scram-sha-256",
}


def binaries() -> Path:
    """Return the folder of the newest version's programs."""
    found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return max(found, key=lambda path: float(path.parts[-3])).parent


@dataclass(frozen=True)
class Database:
    """One database of a server, for `USER`, who owns it."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """By TCP, with the password."""
        return self.server.url(self.name)

    @property
    def socket_url(self) -> str:
        """By the unix socket, without a password."""
        return f"postgresql://{USER}@/{self.name}?host={self.server.folder}&port={self.server.port}"

    def run(self, sql: str) -> str:
        """Run statements, all of them or none; return what the last one gave, unaligned."""
        return self.server.psql(sql, self.name)


@dataclass
class PostgresServer:
    """One server; `stop`, `kill` and `start` may alternate. `ca` vouches for 127.0.0.1."""

    folder: Path
    port: int
    is_durable: bool = False
    ca: Path = Path()
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str) -> str:
        return f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"

    def build(self) -> None:
        """Make the cluster, with `USER` as its administrator."""
        (self.folder / "password").write_text(PASSWORD)
        authority = Authority(self.folder)
        authority.context("server")
        self.ca = authority.file
        self._own()
        self._run(
            *("initdb", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"),
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
            *(f"--username={USER}", f"--pwfile={self.folder}/password", f"--pgdata={self.data}"),
        )
        shutil.copy(self.folder / "server.pem", self.data / "server.pem")
        (self.data / "server.pem").chmod(0o600)
        settings = SETTINGS | ({} if self.is_durable else NOT_DURABLE)
        settings |= {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self._own()

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-s", "-D", str(self.data), "-l", f"{self.folder}/log")

    def stop(self, how: str = "fast") -> None:
        """Stop it; safe if it does not run. `how` is pg_ctl's mode."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-s", "-D", str(self.data), "-m", how)

    def kill(self) -> None:
        """End it as a power cut would: what it was doing is undone by the next start."""
        self.stop("immediate")

    def database(self) -> Database:
        """Make an empty database."""
        name = f"test_{next(self._numbers)}"
        self.psql(f"CREATE DATABASE {name}")
        return Database(self, name)

    def drop(self, database: Database) -> None:
        self.psql(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")

    def psql(self, sql: str, database: str = "postgres") -> str:
        command = [
            *(str(binaries() / "psql"), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"),
            *("--set=ON_ERROR_STOP=1", f"--host={self.folder}", f"--port={self.port}"),
            *(f"--username={USER}", f"--dbname={database}", "--file=-"),
        ]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _run(self, program: str, *arguments: str) -> None:
        # Its output goes to a file: the server inherits it, and would hold a pipe open.
        with (self.folder / "said").open("w") as said:
            done = subprocess.run(
                [binaries() / program, *arguments],
                user=UNPRIVILEGED if os.geteuid() == 0 else None,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=120,
            )
        if done.returncode:
            log = self.folder / "log"
            told = (self.folder / "said").read_text() + (log.read_text() if log.exists() else "")
            pytest.fail(f"{program}: {told[-3000:]}")

    def _own(self) -> None:
        if os.geteuid() != 0:
            return
        for path in (self.folder, *self.folder.rglob("*")):
            shutil.chown(path, UNPRIVILEGED)


@contextlib.contextmanager
def running(*, is_durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server in a folder of its own, of which nothing stays.

    Not in pytest's: its folders are closed to other users, and too deep for a unix socket.
    """
    with tempfile.TemporaryDirectory(prefix=f"pg-{getpass.getuser()}-") as folder:
        server = PostgresServer(Path(folder), free_port(), is_durable)
        server.build()
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[Database]:
    database = postgres_server.database()
    yield database
    postgres_server.drop(database)


@pytest.fixture
def make_postgres() -> Iterator:
    """Start a server of the test's own: ``make_postgres(is_durable=True)``."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(running(**options))
