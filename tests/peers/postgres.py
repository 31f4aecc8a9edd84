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
import signal
import subprocess
import tempfile
import time
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
PATIENCE_SECONDS = 60
MIB, PAGE = 1024 * 1024, 8192
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
    # Files of the write-ahead log are of this size from the beginning: see `fill`.
    wal_mib: int = 16
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str, port: int | None = None) -> str:
        """By TCP, with the password; `port`: of a line to it (wire.py)."""
        password = quote(PASSWORD, safe="")
        return f"postgresql://{USER}:{password}@127.0.0.1:{port or self.port}/{database}"

    def build(self) -> None:
        """Make the cluster, with `USER` as its administrator."""
        (self.folder / "password").write_text(PASSWORD)
        authority = Authority(self.folder)
        authority.context("server")
        self.ca = authority.file
        self._own()
        self._run(
            *("initdb", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", f"--wal-segsize={self.wal_mib}"),
            *(f"--username={USER}", f"--pwfile={self.folder}/password", f"--pgdata={self.data}"),
        )
        shutil.copy(self.folder / "server.pem", self.data / "server.pem")
        (self.data / "server.pem").chmod(0o600)
        self.settle(**SETTINGS | ({} if self.is_durable else NOT_DURABLE))
        self._own()

    def settle(self, **settings: str) -> None:
        """Add to its configuration, before it starts; it is where it is in any case."""
        settings |= {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-s", "-D", str(self.data), "-l", f"{self.folder}/log")

    def stop(self, how: str = "fast") -> None:
        """Stop it; safe if it does not run. `how` is pg_ctl's mode."""
        if (self.data / "postmaster.pid").exists():
            self.go_on()
            self._run("pg_ctl", "stop", "-w", "-s", "-D", str(self.data), "-m", how)

    def kill(self) -> None:
        """End it as a power cut would: what it was doing is undone by the next start."""
        self.stop("immediate")

    def restart(self, how: str = "immediate") -> None:
        self.stop(how)
        self.start()

    def processes(self) -> list[int]:
        """The server's own, the first of them first, and one for each connection."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        return [first, *_children(first)]

    def pause(self) -> None:
        """Stop all its processes where they are: it is there, and does nothing."""
        self._signal(signal.SIGSTOP)
        while any(_state(process) != "T" for process in self.processes()):
            self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after `pause`; safe if it was not."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(process, number)

    def fill(self) -> None:
        """From now on no table grows, as on a full disk: the end of each write is missing.

        As the kernel limits the size of files, so the write-ahead log has to be in smaller ones
        (`wal_mib`): tables shorter than that do grow until then.
        """
        files = [path.stat().st_size for path in (self.data / "base").rglob("*")]
        # Half a page over: PostgreSQL takes that, and only that, for the end of the disk.
        self._limit(max(self.wal_mib * MIB, *(size // PAGE * PAGE for size in files)) + PAGE // 2)

    def empty(self) -> None:
        """There is room again after `fill`."""
        self._limit("unlimited")

    def _limit(self, size: int | str) -> None:
        # The first one before the rest: those it makes from now on inherit it.
        for process in self.processes():
            try:
                self._run("/usr/bin/prlimit", f"--pid={process}", f"--fsize={size}:")
            except pytest.fail.Exception:
                if Path(f"/proc/{process}").exists():  # else it has just ended
                    raise

    def change(self, **settings: str) -> None:
        """Give a running one other settings, of those it takes over while it runs."""
        for name, value in settings.items():
            self.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.psql("SELECT pg_reload_conf()")
        for name, value in settings.items():
            self.until(f"SHOW {name}", value)

    def until(self, sql: str, answer: str, database: str = "postgres") -> None:
        """Ask until that is the answer."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (found := self.psql(sql, database)) != answer:
            assert time.monotonic() < end, f"{sql}: {found!r} and not {answer!r}"

    def database(self) -> Database:
        """Make an empty database."""
        name = f"test_{next(self._numbers)}"
        self.psql(f"CREATE DATABASE {name}")
        return Database(self, name)

    def drop(self, database: Database) -> None:
        self.psql(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")

    def command(self, database: str) -> list[str]:
        """How psql is called: what it is to do comes behind."""
        return [
            *(str(binaries() / "psql"), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"),
            *("--set=ON_ERROR_STOP=1", f"--host={self.folder}", f"--port={self.port}"),
            *(f"--username={USER}", f"--dbname={database}"),
        ]

    def psql(self, sql: str, database: str = "postgres") -> str:
        command = [*self.command(database), "--file=-"]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _run(self, program: str, *arguments: str) -> None:
        # Its output goes to a file: the server inherits it, and would hold a pipe open.
        with (self.folder / "said").open("w") as said:
            done = subprocess.run(
                [binaries() / program, *arguments],  # one with a whole path is that one
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


def _children(process: int) -> list[int]:
    numbers = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    return [number for number in numbers if _stat(number)[1:2] == [str(process)]]


def _state(process: int) -> str:
    """T: it is stopped, or it has ended."""
    return "".join(_stat(process)[:1]) or "T"


def _stat(process: int) -> list[str]:
    """Its state, its parent and so on; nothing of one that has ended."""
    try:
        # The name before them may hold anything, a bracket too.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@contextlib.contextmanager
def home() -> Iterator[Path]:
    """A folder for a server, of which nothing stays.

    Not in pytest's: its folders are closed to other users, and too deep for a unix socket.
    """
    with tempfile.TemporaryDirectory(prefix=f"pg-{getpass.getuser()}-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def running(*, is_durable: bool = False, wal_mib: int = 16) -> Iterator[PostgresServer]:
    """Start a server in a folder of its own."""
    with home() as folder:
        server = PostgresServer(folder, free_port(), is_durable, wal_mib=wal_mib)
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
