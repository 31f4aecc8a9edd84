"""One connection for one command, and what its errors say."""

import asyncio

import pytest

from drydockd.errors import InvalidInput, StoreRefused, StoreUnavailable
from drydockd.store.postgres.asking import asked


def asks(url, sql="SELECT 1"):
    async def ask():
        async with asked(url, "drydock test") as connection:
            return await connection.fetchval(sql)

    return asyncio.run(ask())


def test_the_server_is_told_who_asks(postgres):
    name = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    assert asks(postgres.url, name) == "drydock test"


def test_what_is_not_committed_is_undone(postgres):
    async def change():
        async with asked(postgres.url, "drydock test") as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("CREATE TABLE t (a int)")

    asyncio.run(change())
    assert postgres.run("SELECT to_regclass('t') IS NULL") == "t"


def test_a_refusal_and_silence_are_two_things(postgres):
    with pytest.raises(StoreRefused, match="holds no store of drydockd"):
        asks(postgres.url, "SELECT 1 FROM drydock.head")
    with pytest.raises(StoreRefused, match="division by zero"):
        asks(postgres.url, "SELECT 1/0")
    with pytest.raises(StoreRefused, match='database "nowhere" does not exist'):
        asks(postgres.url.replace(f"/{postgres.name}", "/nowhere"))
    with pytest.raises(StoreUnavailable):
        asks(postgres.url.replace(f":{postgres.server.port}/", ":1/"))
    with pytest.raises(InvalidInput):
        asks("http://h/d")


def test_a_password_that_the_server_repeats_is_not_told(postgres):
    with pytest.raises(StoreRefused) as caught:
        asks(postgres.url, "SELECT 'pg-secret/91@x'::int")
    assert "***" in str(caught.value)
    assert "pg-secret" not in str(caught.value)
