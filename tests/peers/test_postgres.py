"""The PostgreSQL of the tests is what those that use it rely on."""

import asyncio
import os
import subprocess

import asyncpg
import pytest

from drydockd.store.postgres.connect import dialled
from tests.peers.postgres import PASSWORD


async def asked(url, sql, **options):
    connection = await dialled(url, **options)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def test_it_is_not_roots(postgres_server):
    owner = (postgres_server.data / "PG_VERSION").stat().st_uid
    assert owner != 0
    assert owner == os.geteuid() or os.geteuid() == 0


def test_a_test_has_a_database_of_its_own(postgres, postgres_server):
    postgres.run("CREATE TABLE a (b int); INSERT INTO a VALUES (7)")
    assert asyncio.run(asked(postgres.url, "SELECT b FROM a")) == 7
    assert asyncio.run(asked(postgres.socket_url, "SELECT b FROM a")) == 7
    other = postgres_server.database()
    assert other.run("SELECT count(*) FROM pg_tables WHERE tablename = 'a'") == "0"
    postgres_server.drop(other)


def test_by_tcp_it_asks_for_the_password_and_offers_tls(postgres, postgres_server):
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asked(postgres.url, "SELECT 1", password=f"not {PASSWORD}"))
    url = f"{postgres.url}?sslmode=verify-full&sslrootcert={postgres_server.ca}"
    assert asyncio.run(asked(url, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))


@pytest.mark.slow
def test_a_durable_one_keeps_what_it_acknowledged_when_it_is_killed(make_postgres):
    server = make_postgres(is_durable=True)
    database = server.database()
    database.run("CREATE TABLE a (b int); INSERT INTO a VALUES (7)")
    server.kill()
    server.start()
    assert database.run("SELECT b FROM a") == "7"


@pytest.mark.slow
def test_a_paused_one_answers_when_it_goes_on(make_postgres):
    server = make_postgres()
    server.pause()
    asking = subprocess.Popen([*server.command("postgres"), "--command=SELECT 7"], stdout=-1)
    assert asking.poll() is None
    server.go_on()
    assert asking.communicate()[0] == b"7\n"


@pytest.mark.slow
def test_a_full_one_says_so_and_takes_more_when_there_is_room_again(make_postgres):
    server = make_postgres(wal_mib=1)
    database = server.database()
    database.run("CREATE TABLE a (b text)")
    server.fill()
    more = "INSERT INTO a SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
    with pytest.raises(asyncpg.DiskFullError):
        asyncio.run(asked(database.url, more))
    assert database.run("SELECT count(*) FROM a") == "0"
    server.empty()
    database.run(more)
    assert database.run("SELECT count(*) FROM a") == "2000"
