"""Stores on the move: what comes out of a database, and of a directory, is what went in."""

import asyncio
import hashlib
import os
import tarfile
from dataclasses import replace

import pytest

from drydockd.errors import InvalidInput, StoreRefused, StoreUnavailable
from drydockd.store import Put, archive, open_store
from drydockd.store.export import export as export_lines
from drydockd.store.postgres import copying, moving
from drydockd.store.postgres.making import secret_mark
from drydockd.store.postgres.moving import Conditions, backup, copy_in, copy_out, restore
from drydockd.store.statedir import Lock, StateDir
from tests.peers.postgres import PASSWORD
from tests.store.helpers import a_task, everything, on_database
from tests.store.postgres.filled import arrivals, exported, fill, ids

# Nobody of a test that has ended is alive.
ON = Conditions(lease_seconds=0)
ANEW = replace(ON, replace=True)
SECRET = bytes(range(32))


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


@pytest.fixture
def other(tmp_path):
    return StateDir(tmp_path / "other")


@pytest.fixture
async def old(state):
    """A directory with some of everything; the store as it was when it was closed."""
    store = await open_store("tiny", state.path)
    await fill(store)
    await store.close()
    return store


async def test_a_directory_goes_into_a_database_as_it_is(old, state, shared):
    copied = await copy_in(state, shared.url, ON)
    store = await on_database(shared)
    try:
        assert everything(store) == everything(old)
        assert exported(store) == exported(old)
        assert arrivals(store) == arrivals(old)
        assert store.origin == old.origin == copied.origin
        assert ids(store) > ids(old)
        assert (store.seq, copied.contents.counts["tasks"]) == (copied.seq, 3)
        assert copied.contents.counts["blobs"] == 5
        # It works: a daemon goes on with it.
        await fill(store, "later")
        assert store.arrival("rlater") > copied.seq
    finally:
        await store.close()


async def test_and_back_again(old, state, other, shared):
    await copy_in(state, shared.url, ON)
    moved = await copy_out(shared.url, other, ON)
    assert (moved.replaced, moved.lacks_secret) == (None, True)
    store = await open_store("tiny", other.path)
    try:
        assert exported(store) == exported(old)
        assert arrivals(store) == arrivals(old)
        assert store.origin == old.origin
        assert ids(store) > ids(old)
        await store.write(Put(a_task("new")))
        assert store.arrival("new") > moved.copied.seq
    finally:
        await store.close()


async def test_what_daemons_wrote_comes_out_in_their_order(shared, other):
    store = await on_database(shared)
    await fill(store)
    await fill(store, "2")
    lines, numbers = exported(store), arrivals(store)
    await store.close()
    await copy_out(shared.url, other, ON)
    found = await open_store("tiny", other.path)
    assert exported(found) == lines
    assert arrivals(found) == numbers
    await found.close()


async def test_records_that_are_there_stay_unless_they_are_to_go(old, state, shared):
    await copy_in(state, shared.url, ON)
    before = await content_of(shared)
    with pytest.raises(StoreRefused, match="holds records already; --replace"):
        await copy_in(state, shared.url, ON)
    assert await content_of(shared) == before
    again = await copy_in(state, shared.url, ANEW)
    assert await content_of(shared) == before
    assert int(shared.run("SELECT seq FROM drydock.head")) == again.seq


async def content_of(database):
    async with moving.asked(database.url, "test") as connection, copying.one_moment(connection):
        return await copying.contents(connection)


async def test_numbers_are_never_given_again(old, state, shared):
    first = await copy_in(state, shared.url, ON)
    # The daemons came further than the directory ever will.
    shared.run(f"UPDATE drydock.head SET seq = {first.seq + (1 << 40)}")
    again = await copy_in(state, shared.url, ANEW)
    assert again.seq > first.seq + (1 << 40)


async def test_a_daemon_of_before_notices_that_others_records_are_there(old, state, shared):
    await copy_in(state, shared.url, ON)
    lost = asyncio.get_running_loop().create_future()
    store = await on_database(shared, on_lost=lost.set_result)
    await copy_in(state, shared.url, ANEW)
    before = await content_of(shared)
    late = asyncio.create_task(store.write(Put(a_task("late"))))
    await asyncio.wait_for(lost, 60)
    await store.close()
    await asyncio.gather(late, return_exceptions=True)
    assert await content_of(shared) == before


async def test_a_folder_that_holds_records_is_set_aside_when_asked(old, state, shared):
    with pytest.raises(StoreRefused, match=r"holds records already; --replace"):
        await copy_out(shared.url, state, ON)
    moved = await copy_out(shared.url, state, ANEW)
    assert moved.replaced.parent == state.path
    store = await open_store("tiny", state.path)
    assert not store.tasks()
    await store.close()
    before = await open_store("tiny", moved.replaced)
    assert everything(before) == everything(old)
    await before.close()


# -- somebody is at work


async def test_neither_side_may_be_at_work(old, state, other, shared):
    at_work = Conditions(lease_seconds=60)
    store = await on_database(shared, "d1")
    await store.close()
    said = r"daemons of this database were heard within the last 60 s: d1 \("
    with pytest.raises(StoreRefused, match=said):
        await copy_in(state, shared.url, at_work)
    with pytest.raises(StoreRefused, match=said):
        await copy_out(shared.url, other, at_work)
    shared.run("UPDATE drydock.member SET beat = now() - interval '61 s'")
    shared.run(
        "UPDATE drydock.lease SET holder = (SELECT id FROM drydock.member), until = 'infinity'"
    )
    with pytest.raises(StoreRefused, match="heard within"):
        await copy_in(state, shared.url, at_work)
    shared.run("UPDATE drydock.lease SET until = now()")
    lock = Lock(state)
    with pytest.raises(StoreRefused, match="is in use by process"):
        await copy_in(state, shared.url, at_work)
    with pytest.raises(StoreRefused, match="is in use by process"):
        await copy_out(shared.url, state, at_work)
    lock.release()
    await copy_in(state, shared.url, at_work)


async def test_no_daemon_begins_while_all_is_copied(shared, other):
    async with moving.asked(shared.url, "beginning") as beginning, copying.whole(beginning):
        with pytest.raises(StoreRefused, match="is just beginning on the database"):
            await copy_out(shared.url, other, ON)
    async with moving.asked(shared.url, "copying") as busy, copying.one_moment(busy):
        await copying.keep_out(busy)
        starting = asyncio.create_task(on_database(shared))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        async with moving.asked(shared.url, "looking") as looking:
            while not await looking.fetchval(waiting):
                assert not starting.done()
    await (await asyncio.wait_for(starting, 60)).close()


# -- cut short


async def test_a_copy_into_a_database_that_is_cut_short_is_not_there(
    old, state, postgres, monkeypatch
):
    put = copying._copy

    async def cut(connection, table, rows):
        await put(connection, table, rows)
        if table == "blob":
            raise KeyboardInterrupt

    monkeypatch.setattr(copying, "_copy", cut)
    with pytest.raises(KeyboardInterrupt):
        await copy_in(state, postgres.url, ON)
    assert postgres.run("SELECT to_regclass('drydock.head') IS NULL") == "t"


@pytest.mark.parametrize("kind", ["record", "message", "blob"])
async def test_what_arrived_otherwise_is_not_taken(old, state, shared, monkeypatch, kind):
    column = {"record": 3, "message": 3, "blob": 1}[kind]
    put = copying._copy

    async def garbled(connection, table, rows):
        rows = list(rows)
        if table == kind:
            row = list(rows[0])
            row[column] = b"!" if kind == "blob" else row[column].replace(b"2026", b"2027")
            assert row[column] != rows[0][column]
            rows[0] = tuple(row)
        await put(connection, table, rows)

    monkeypatch.setattr(copying, "_copy", garbled)
    with pytest.raises(StoreRefused, match=r"not what was there|not match its name"):
        await copy_in(state, shared.url, ON)
    assert shared.run("SELECT seq FROM drydock.head") == "0"


# -- secrets


async def test_the_database_knows_the_secret_again_and_does_not_have_it(old, state, other, shared):
    await copy_in(state, shared.url, replace(ON, secret=SECRET))
    assert shared.run("SELECT encode(secret_mark, 'hex') FROM drydock.head") == (
        secret_mark(SECRET).hex()
    )
    dump = shared.run("SELECT string_agg(doc::text, '') FROM drydock.record")
    assert SECRET.hex() not in dump
    wrong = replace(ON, secret=SECRET[::-1])
    with pytest.raises(StoreRefused, match=r"the secret is not that of this database's daemons"):
        await copy_out(shared.url, other, wrong)
    moved = await copy_out(shared.url, other, replace(ON, secret=SECRET))
    assert not moved.lacks_secret
    assert other.secret.read_text() == SECRET.hex() + "\n"
    assert other.secret.stat().st_mode & 0o777 == 0o600


async def test_where_no_node_has_keys_the_first_daemon_says_which_secret(state, shared):
    store = await open_store("tiny", state.path)
    await store.write(Put(a_task("a")))
    await store.close()
    await copy_in(state, shared.url, replace(ON, secret=SECRET))
    assert shared.run("SELECT secret_mark IS NULL FROM drydock.head") == "t"


# -- backups


async def test_a_backup_brings_its_own_secret(old, state, shared, tmp_path):
    state.secret.touch(mode=0o600)
    state.secret.write_text(SECRET.hex())
    file = tmp_path / "b.tar"
    archive.backup(state, file)
    with pytest.raises(StoreRefused, match=r"the daemons of this database have another one\."):
        await restore(file, shared.url, replace(ON, secret=SECRET[::-1]))
    await restore(file, shared.url, ON)
    assert shared.run("SELECT encode(secret_mark, 'hex') FROM drydock.head") == (
        secret_mark(SECRET).hex()
    )


async def test_a_backup_of_a_database_is_restored_to_either(shared, other, postgres, tmp_path):
    store = await on_database(shared)
    await fill(store)
    file = tmp_path / "backup.tar.gz"
    told = await backup(shared.url, file, SECRET)
    assert told.startswith(f"{file}: ")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path for path in tmp_path.iterdir() if path != file] == []
    with tarfile.open(file) as found:
        assert "secret" in found.getnames()
    lines = exported(store)
    await store.close()

    archive.restore(file, other)
    tiny = await open_store("tiny", other.path)
    assert exported(tiny) == lines
    await tiny.close()

    copied = await restore(file, postgres.url, ON)
    assert copied.origin == store.origin
    again = await on_database(postgres)
    assert exported(again) == lines
    assert ids(again) > ids(store)
    await again.close()


async def test_a_backup_of_a_directory_is_restored_to_a_database(old, state, shared, tmp_path):
    archive.backup(state, tmp_path / "b.tar")
    await restore(tmp_path / "b.tar", shared.url, ON)
    store = await on_database(shared)
    assert exported(store) == exported(old)
    await store.close()


async def test_what_is_no_backup_changes_nothing(postgres, tmp_path):
    (tmp_path / "b.tar").write_bytes(b"no tar")
    with pytest.raises(StoreRefused, match="is no backup"):
        await restore(tmp_path / "b.tar", postgres.url, ON)
    assert postgres.run("SELECT to_regclass('drydock.head') IS NULL") == "t"


async def test_an_export_is_the_same_from_either(old, state, shared):
    await copy_in(state, shared.url, ON)
    found = []
    await moving.export(shared.url, found.append)
    assert found == list(export_lines(state))


# -- what is not there


async def test_a_missing_blob_is_told_and_nothing_is_left_behind(old, state, other, shared):
    await copy_in(state, shared.url, ON)
    digest = hashlib.sha256(b"part 1").hexdigest()
    shared.run(f"DELETE FROM drydock.blob WHERE digest = '{digest}'")
    with pytest.raises(StoreRefused, match=f"the blob {digest} is missing, and records name it"):
        await copy_out(shared.url, other, ON)
    assert not other.holds_records()
    assert sorted(os.listdir(other.path)) == ["blobs", "lock"]


async def test_an_empty_database_is_no_store(postgres, other):
    with pytest.raises(StoreRefused, match="holds no store of drydockd"):
        await copy_out(postgres.url, other, ON)


async def test_an_empty_folder_is_no_store(shared, other):
    with pytest.raises(StoreRefused, match="holds no records"):
        await copy_in(other, shared.url, ON)
    assert not other.path.exists()


async def test_no_error_tells_the_password(old, state, shared):
    wrong = shared.url.replace("@127", "x@127")
    with pytest.raises(StoreRefused) as caught:
        await copy_in(state, wrong, ON)
    assert "password authentication failed" in str(caught.value)
    away = shared.url.replace(f":{shared.server.port}/", ":1/")
    with pytest.raises(StoreUnavailable) as away_caught:
        await copy_in(state, away, ON)
    for error in (caught.value, away_caught.value):
        assert "pg-secret" not in str(error)
        assert PASSWORD not in str(error)
    with pytest.raises(InvalidInput):
        await copy_in(state, "mysql://h/d", ON)
