"""The lease by a real PostgreSQL's clock."""

import asyncio
import time
from functools import partial
from types import SimpleNamespace

import asyncpg
import pytest

from drydockd.errors import Fenced, StoreUnavailable
from drydockd.model import Action, Task
from drydockd.store.base import Epoch, Put
from drydockd.store.lease import Report
from drydockd.store.postgres import lease
from drydockd.store.postgres.lease import PostgresKeeper

MEMBERS = """
INSERT INTO drydock.member (name, beat)
    VALUES ('east', '-infinity'), ('west', '-infinity'), ('north', '-infinity');
"""
EAST, WEST = 1, 2
NAMES = {1: "east", 2: "west", 3: "north"}


@pytest.fixture
def database(shared):
    shared.run(MEMBERS)
    return shared


@pytest.fixture
async def keeper(database):
    made = []

    def make(member=EAST):
        made.append(
            PostgresKeeper(partial(asyncpg.connect, database.url), member, NAMES.get(member, ""))
        )
        return made[-1]

    yield make
    for each in made:
        await each.close()


def run_out(database):
    """As if the lease's seconds had gone by."""
    database.run("UPDATE drydock.lease SET until = now() - interval '1 ms'")


def beat(keeper, ttl=60.0, *, wants=True, report=None):
    return keeper.beat(report or Report(), ttl, wants=wants)


async def test_the_first_that_wants_it_gets_it(keeper):
    east, west = keeper(EAST), keeper(WEST)

    assert (await beat(east, wants=False)).epoch is None
    assert (await beat(east)).epoch == Epoch(1)

    told = await beat(west)
    assert (told.epoch, told.runner, told.live) == (None, "east", 2)


async def test_how_long_it_takes_to_connect_says_nothing_of_the_clock(database, monkeypatch):
    ahead = 0.0
    real = time.time
    monkeypatch.setattr(lease, "time", SimpleNamespace(time=lambda: real() + ahead))

    async def slowly():
        nonlocal ahead
        ahead += 600  # the clock that the offset is taken from goes on by that
        return await asyncpg.connect(database.url)

    east = PostgresKeeper(slowly, EAST, "east")
    offset = (await beat(east)).offset_seconds
    await east.close()

    assert -660 < offset < -540


async def test_the_holder_keeps_its_epoch_and_gets_more_time(keeper, database):
    east = keeper()
    await beat(east)
    before = database.run("SELECT until FROM drydock.lease")

    assert (await beat(east, wants=False)).epoch == Epoch(1)

    assert database.run("SELECT until FROM drydock.lease") > before


async def test_after_its_end_another_gets_it_with_the_next_epoch(keeper, database):
    east, west = keeper(EAST), keeper(WEST)
    await beat(east)
    run_out(database)

    assert (await beat(west)).epoch == Epoch(2)

    told = await beat(east)
    assert (told.epoch, told.runner) == (None, "west")


async def test_a_holder_that_comes_too_late_gets_a_new_epoch_if_nobody_took_it(keeper, database):
    east = keeper()
    await beat(east)
    run_out(database)

    assert (await beat(east, wants=False)).epoch == Epoch(2)


async def test_one_of_the_same_name_that_was_started_again_waits_for_the_end(keeper, database):
    await beat(keeper(EAST))
    again = keeper(EAST)

    told = await beat(again)
    assert (told.epoch, told.runner) == (None, "east")

    run_out(database)
    assert (await beat(again)).epoch == Epoch(2)


async def test_given_away_it_is_free_at_once_and_the_others_are_told(keeper):
    east, west = keeper(EAST), keeper(WEST)
    await beat(east)
    await beat(west)
    freed = asyncio.Event()
    west.when_freed(freed.set)

    await east.leave()

    async with asyncio.timeout(20):
        await freed.wait()
    assert (await beat(west)).epoch == Epoch(2)


async def test_who_does_not_hold_it_gives_nothing_away(keeper, database):
    east, west = keeper(EAST), keeper(WEST)
    await beat(east)
    run_out(database)
    await beat(west)

    await east.leave()

    assert (await beat(west)).epoch == Epoch(2)


async def test_of_many_that_want_it_at_once_one_gets_it_and_epochs_only_grow(keeper, database):
    keepers = [keeper(member) for member in (1, 2, 3)]
    held = []
    for _ in range(10):
        beats = await asyncio.gather(*(beat(each) for each in keepers))
        holders = [told.epoch.number for told in beats if told.epoch]
        assert len(holders) <= 1
        held += holders
        run_out(database)

    assert held == sorted(set(held))
    assert len(held) >= 9


async def test_a_beat_keeps_what_the_daemon_reports(keeper, database):
    await beat(keeper(), report=Report(41, {"policy": "ab"}))

    query = "SELECT applied, settings, beat > now() - interval '1 min' FROM drydock.member"
    assert database.run(f"{query} WHERE name = 'east'") == '41|{"policy": "ab"}|t'


async def test_the_offset_of_one_host_is_none(keeper):
    assert abs((await beat(keeper())).offset_seconds) < 1


async def test_those_that_were_silent_for_three_times_as_long_do_not_count(keeper, database):
    database.run("UPDATE drydock.member SET beat = now() - interval '2 min' WHERE name = 'west'")
    database.run("UPDATE drydock.member SET beat = now() - interval '4 min' WHERE name = 'north'")

    assert (await beat(keeper())).live == 2


async def test_a_member_that_is_not_there_is_an_error(keeper):
    with pytest.raises(StoreUnavailable, match="no member 99"):
        await beat(keeper(99))


async def test_after_a_lost_connection_it_connects_again(keeper, database):
    east = keeper()
    await beat(east)
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    database.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    async def until_it_is_noticed():
        while await beat(east):
            pass

    with pytest.raises(StoreUnavailable):
        await until_it_is_noticed()

    assert (await beat(east)).epoch == Epoch(1)


async def test_a_beat_that_takes_too_long_leaves_no_connection_behind(keeper, database):
    holder = await asyncpg.connect(database.url)
    await holder.execute("BEGIN; SELECT 1 FROM drydock.lease FOR UPDATE")
    east = keeper()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await beat(east)

    await holder.close()
    # What the server still did of the lost beat is for nobody: it waits for the end of it.
    run_out(database)
    assert (await beat(east)).epoch is not None


async def connected(database, name):
    return await asyncpg.connect(database.url, server_settings={"application_name": name})


async def test_the_new_runner_ends_the_connections_of_the_one_before(keeper, database):
    east, west = keeper(EAST), keeper(WEST)
    await beat(east)
    run_out(database)
    await beat(west)
    old, other, deeper = [
        await connected(database, name) for name in ("east/write", "west/write", "east/x/write")
    ]

    assert await west.take_over() == "east"

    left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'east/write'"
    async with asyncio.timeout(20):
        while await asyncio.to_thread(database.run, left) != "0":
            pass  # it is told to end, and does so a moment later
    old.terminate()
    for connection in (other, deeper):
        await connection.execute("SELECT 1")
        await connection.close()


async def test_it_is_not_taken_over_while_a_write_is_under_way(keeper, database):
    """So each write of the epoch before is done before the next one begins, or is refused."""
    east, west = keeper(EAST), keeper(WEST)
    await beat(east)
    run_out(database)
    old = await asyncpg.connect(database.url)
    await old.execute("BEGIN; SELECT 1 FROM drydock.head FOR UPDATE")

    taking = asyncio.create_task(beat(west))
    done, _ = await asyncio.wait({taking}, timeout=0.2)
    assert not done
    await old.execute("COMMIT")

    assert (await taking).epoch == Epoch(2)
    await old.close()


async def test_a_write_under_way_holds_up_no_beat(keeper, database):
    east, west = keeper(EAST), keeper(WEST)
    await beat(east)
    old = await asyncpg.connect(database.url)
    await old.execute("BEGIN; SELECT 1 FROM drydock.head FOR UPDATE")

    async with asyncio.timeout(20):
        assert (await beat(east)).epoch == Epoch(1)
        assert (await beat(west)).epoch is None

    await old.close()


async def test_taking_over_from_oneself_ends_nothing(keeper, database):
    await beat(keeper(EAST))
    run_out(database)
    again = keeper(EAST)
    await beat(again)
    own = await connected(database, "east/write")

    assert await again.take_over() == "east"

    await own.execute("SELECT 1")
    await own.close()


async def test_the_first_runner_of_all_has_nobody_to_take_over_from(keeper):
    east = keeper()
    await beat(east)

    assert await east.take_over() is None


async def test_writes_of_the_epoch_before_are_refused_from_the_take_over_on(pair, shared):
    east, west = pair
    keepers = [
        PostgresKeeper(partial(asyncpg.connect, shared.url), store.backend.member_id, name)
        for store, name in ((east, "a"), (west, "b"))
    ]
    first, second = Epoch(1), Epoch(2)
    assert (await beat(keepers[0])).epoch == first
    await east.write(Put(Task("t1", Action.NOOP)), guard=first)
    run_out(shared)
    assert (await beat(keepers[1])).epoch == second

    with pytest.raises(Fenced):
        await east.write(Put(Task("t2", Action.NOOP)), guard=first)
    with pytest.raises(Fenced):
        await east.write(Put(Task("t2", Action.NOOP)), guard=second)
    await east.write(Put(Task("t3", Action.NOOP)))
    await west.write(Put(Task("t4", Action.NOOP)), guard=second)

    await west.fresh(20)
    assert {task.task_id for task in west.tasks()} == {"t1", "t3", "t4"}
    for keeper in keepers:
        await keeper.close()
