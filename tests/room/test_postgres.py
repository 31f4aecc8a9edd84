"""The lab's own PostgreSQL, of whatever user starts it."""

import asyncio
import os
import tempfile
from pathlib import Path

import asyncpg
import pytest

from drydockd.room import postgres
from drydockd.room.postgres import PostgresTrouble, programs, running


@pytest.fixture
def folder():
    """One that the server's user can reach: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="lab-postgres-") as name:
        if os.geteuid() == 0:
            Path(name).chmod(0o711)
        yield Path(name) / "postgres"


async def asked(url, sql):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.mark.peer("postgres")
@pytest.mark.process
def test_it_starts_empty_durable_and_keeps_what_it_had(folder):
    with running(folder) as server:
        url = server.database("lab")
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert asyncio.run(asked(url, f"SELECT current_setting('{name}')")) == "on"
        asyncio.run(asked(url, "CREATE TABLE a (b int)"))
        pid = server.pid_file.read_text().split()[0]
        assert Path(f"/proc/{pid}").stat().st_uid != 0
    with running(folder) as server:
        assert asyncio.run(asked(server.database("lab"), "SELECT count(*) FROM a")) == 0
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(asked(server.url("lab").replace(":", ":x", 2).replace("x//", "//"), "x"))
    assert not server.pid_file.exists()


@pytest.mark.peer("postgres")
@pytest.mark.process
def test_one_that_does_not_start_says_why(folder):
    with (
        pytest.raises(PostgresTrouble, match=r"(?s)pg_ctl of PostgreSQL failed.*no_such_setting"),
        running(folder, no_such_setting="1"),
    ):
        pass


@pytest.mark.parametrize(
    ("there", "said"),
    [((), "there is none in"), ((13,), "only version 13"), ((9,), "only version 9")],
)
def test_a_missing_one_is_named_with_its_package(tmp_path, monkeypatch, there, said):
    for version in there:
        (tmp_path / str(version) / "bin").mkdir(parents=True)
        (tmp_path / str(version) / "bin" / "initdb").touch()
    monkeypatch.setattr(postgres, "PLACES", (f"{tmp_path}/*/bin",))
    with pytest.raises(PostgresTrouble, match=f"{said}.*apt-get install postgresql"):
        programs()


def test_the_newest_one_is_taken(tmp_path, monkeypatch):
    for version in ("9", "14", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    monkeypatch.setattr(postgres, "PLACES", (f"{tmp_path}/*/bin",))
    assert programs() == tmp_path / "17" / "bin"
