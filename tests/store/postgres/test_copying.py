"""Rows of a database as records, one by one. Whole stores: see test_moving."""

import hashlib

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import Put
from drydockd.store.contents import of_tables
from drydockd.store.postgres import copying
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.copying import Source, contents, load, prepare, put, whole
from drydockd.store.tables import Tables
from tests.store.helpers import a_task, on_database
from tests.store.postgres.filled import fill


@pytest.fixture
async def store(shared):
    opened = await on_database(shared)
    await fill(opened)
    yield opened
    await opened.close()


async def test_what_is_loaded_and_what_is_read_is_what_the_daemon_shows(store, shared):
    shown = of_tables(store._tables, lambda digest: len(store.backend.read_blob(digest)))
    async with asked(shared.url, "test") as connection, copying.one_moment(connection):
        assert await contents(connection) == shown
        tables = await load(connection)
        assert list(tables.tasks) == list(store._tables.tasks)
        assert tables.arrival == store._tables.arrival
        assert tables.children == store._tables.children


async def test_all_is_of_one_moment(store, shared):
    async with asked(shared.url, "test") as connection, copying.one_moment(connection):
        before = await contents(connection)
        await store.write(Put(a_task("meanwhile")))
        assert await contents(connection) == before
        assert "meanwhile" not in (await load(connection)).tasks


async def test_a_message_of_no_task_is_not_loaded(store, shared):
    shared.run("UPDATE drydock.message SET key = 'x' WHERE seq = 1")
    async with asked(shared.url, "test") as connection, copying.one_moment(connection):
        with pytest.raises(StoreRefused, match="a message of task x, which is not there; see"):
            await load(connection)


async def test_a_subtask_stands_where_it_stood(shared):
    tables = Tables()
    for number in range(5):
        tables.load("tasks", a_task(f"r{number}"), 10 + number)
        for child in (9, 3, 7):
            tables.load("tasks", a_task(f"r{number}-{child}", parent_task_id=f"r{number}"))
    async with asked(shared.url, "test") as connection:
        async with whole(connection):
            last = await prepare(connection, lease_seconds=0, replace=False)
            await put(connection, Source(tables, lambda digest: b"", 20, 5), last)
        async with copying.one_moment(connection):
            found = await load(connection)
    assert list(found.tasks) == list(tables.tasks)
    assert found.children == tables.children
    assert found.arrival == tables.arrival


async def test_a_directory_of_the_first_format_keeps_its_numbers_below_zero(shared, tmp_path):
    tables = Tables()
    for number in (-2, -1, 0, 3):
        tables.load("tasks", a_task(f"t{number}"), number)
    async with asked(shared.url, "test") as connection, whole(connection):
        last = await prepare(connection, lease_seconds=0, replace=False)
        await put(connection, Source(tables, lambda digest: b"", 3, 0), last)
    store = await on_database(shared)
    assert [store.arrival(f"t{n}") for n in (-2, -1, 0, 3)] == [-2, -1, 0, 3]
    assert store.origin > 0
    await store.close()


async def test_whoever_holds_what_has_to_be_locked_is_not_waited_for_long(shared, monkeypatch):
    monkeypatch.setattr(copying, "_LOCK_SECONDS", 0.05)
    async with asked(shared.url, "one") as one, asked(shared.url, "two") as two:
        async with whole(one):
            with pytest.raises(StoreRefused, match="lock timeout"):
                async with asked(shared.url, "three") as three, whole(three):
                    pytest.fail("both have it")
        async with whole(two):
            assert await two.fetchval("SELECT 1") == 1


async def test_a_damaged_blob_is_not_given_out(store, shared):
    digest = hashlib.sha256(b"part 1").hexdigest()
    shared.run(f"UPDATE drydock.blob SET content = '!' WHERE digest = '{digest}'")
    async with asked(shared.url, "test") as connection:
        with pytest.raises(StoreRefused, match=f"the blob {digest} is damaged"):
            await copying.blob(connection, digest)
