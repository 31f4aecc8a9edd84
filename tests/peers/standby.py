"""A second PostgreSQL that follows a first one, to take over from it.

It is a copy of the first, made while that runs, and is sent what that writes; a test makes it
synchronous (what is acknowledged is in both), lets it fall behind, stops it and promotes it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.peers import postgres
from tests.peers.keystone import free_port
from tests.peers.postgres import USER, PostgresServer

NAME = "standby"  # as the first server knows it


@dataclass
class Standby(PostgresServer):
    """A server that follows `primary` until it is promoted."""

    primary: Any = None

    def build(self) -> None:
        self._own()
        first = self.primary
        where = f"host={first.folder} port={first.port} user={USER} application_name={NAME}"
        self._run(
            *("pg_basebackup", "--no-sync", "--checkpoint=fast", "--wal-method=stream"),
            *("--write-recovery-conf", f"--dbname={where}", f"--pgdata={self.data}"),
        )
        self.settle()
        self.ca = first.ca

    def start(self) -> None:
        super().start()
        if not self._is_promoted():
            self.primary.until(f"{_OF_IT} state = 'streaming'", "1")

    def become_synchronous(self) -> None:
        """From now on the first server acknowledges nothing that is not here too."""
        self.primary.change(synchronous_standby_names=NAME)
        self.primary.until(f"{_OF_IT} sync_state = 'sync'", "1")

    def fall_behind(self) -> None:
        """Take nothing more from the first server, which goes on if it need not wait."""
        self.change(primary_conninfo="")
        self.until("SELECT count(*) FROM pg_stat_wal_receiver", "0")

    def promote(self) -> None:
        """Become a server that is written to. The first one must not run any more."""
        self._run("pg_ctl", "promote", "-w", "-s", "-D", str(self.data))

    def _is_promoted(self) -> bool:
        return not (self.data / "standby.signal").exists()


_OF_IT = f"SELECT count(*) FROM pg_stat_replication WHERE application_name = '{NAME}' AND"


def url_of_both(first: PostgresServer, second: PostgresServer, database: str) -> str:
    """Whichever of the two is written to."""
    head, _, tail = first.url(database).partition(f":{first.port}/")
    return f"{head}:{first.port},127.0.0.1:{second.port}/{tail}?target_session_attrs=read-write"


@contextlib.contextmanager
def following(primary: PostgresServer, *, is_synchronous: bool = False) -> Iterator[Standby]:
    """Start a standby of `primary` in a folder of its own."""
    with postgres.home() as folder:
        standby = Standby(folder, free_port(), primary.is_durable, primary=primary)
        standby.build()
        standby.start()
        try:
            if is_synchronous:
                standby.become_synchronous()
            yield standby
        finally:
            standby.kill()


@pytest.fixture
def make_standby(make_postgres) -> Iterator:
    """Let a server follow another: ``make_standby(primary, is_synchronous=True)``."""
    with contextlib.ExitStack() as stack:
        yield lambda primary, **options: stack.enter_context(following(primary, **options))
