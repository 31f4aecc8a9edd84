"""The standby of the tests is what those that use it rely on."""

import asyncio
import threading

import asyncpg
import pytest

from tests.peers.standby import url_of_both

pytestmark = pytest.mark.slow


@pytest.fixture
def primary(make_postgres):
    return make_postgres(is_durable=True)


def asked(url, sql):
    async def ask():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_what_a_synchronous_standby_has_not_got_is_not_acknowledged(primary, make_standby):
    standby = make_standby(primary, is_synchronous=True)
    database = primary.database()
    database.run("CREATE TABLE a (b int)")
    standby.pause()
    waiting = threading.Thread(target=database.run, args=("INSERT INTO a VALUES (7)",))
    waiting.start()
    primary.until("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1")
    assert database.run("SELECT count(*) FROM a") == "0"  # as reads go on, and do not show it
    standby.go_on()
    waiting.join()
    primary.kill()
    standby.promote()
    assert asked(url_of_both(primary, standby, database.name), "SELECT b FROM a") == 7


def test_one_that_fell_behind_lacks_what_was_acknowledged_since(primary, make_standby):
    standby = make_standby(primary)
    database = primary.database()
    database.run("CREATE TABLE a (b int); INSERT INTO a VALUES (1)")
    standby.until("SELECT count(*) FROM pg_database WHERE datname = 'test_0'", "1")
    primary.until("SELECT count(*) FROM pg_stat_replication WHERE replay_lag > '1 hour'", "0")
    standby.fall_behind()
    database.run("INSERT INTO a VALUES (2)")
    primary.kill()
    standby.promote()
    assert standby.psql("SELECT max(b) FROM a", database.name) == "1"
    assert standby.psql("INSERT INTO a VALUES (3) RETURNING b", database.name) == "3"
