"""Jobs beside the loop: from any thread, over lost connections, and none for ever."""

import asyncio

import pytest

from drydockd.errors import NotFound, StoreUnavailable
from drydockd.store.postgres.side import Side
from tests.peers.keystone import free_port


@pytest.fixture
def side(shared):
    made = Side(shared.socket_url, "test/side", 10)
    yield made
    made.stop()


async def test_jobs_come_from_threads_and_from_the_loop(side):
    assert side.ask(lambda connection: connection.fetchval("SELECT 1")) == 1
    assert await side.run(lambda connection: connection.fetchval("SELECT 2")) == 2
    asked = [
        asyncio.to_thread(side.ask, lambda connection: connection.fetchval("SELECT 3"))
        for _ in range(4)
    ]
    assert await asyncio.gather(*asked) == [3] * 4


async def test_a_job_whose_connection_is_lost_runs_again(side):
    met = []

    async def job(connection):
        met.append(connection)
        if len(met) == 1:
            connection.terminate()
        return await connection.fetchval("SELECT 4")

    assert await side.run(job) == 4
    assert met[0] is not met[1]


async def test_what_a_job_says_is_raised_as_it_is_and_the_databases_word_is_unavailable(side):
    async def missing(connection):
        raise NotFound("no such thing")

    with pytest.raises(NotFound):
        await side.run(missing)
    with pytest.raises(StoreUnavailable, match="division by zero"):
        await side.run(lambda connection: connection.fetchval("SELECT 1 / 0"))


async def test_without_a_database_it_is_over_when_patience_is():
    side = Side(f"postgresql://me:secret@127.0.0.1:{free_port()}/d", "test/side", 0.2)
    with pytest.raises(StoreUnavailable) as raised:
        await side.run(lambda connection: connection.fetchval("SELECT 1"))
    assert "secret" not in str(raised.value)
    side.stop()
    side.stop()
    with pytest.raises(StoreUnavailable, match="closed"):
        await side.run(lambda connection: connection.fetchval("SELECT 1"))


async def test_who_comes_while_it_ends_is_told_so_and_waits_for_nothing(side):
    begun, cancelled, goes_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    other = side._loop

    async def stubborn(connection):
        loop.call_soon_threadsafe(begun.set)
        try:
            await asyncio.Event().wait()
        finally:
            loop.call_soon_threadsafe(cancelled.set)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(goes_on.wait(), loop))

    working = asyncio.ensure_future(side.run(stubborn))
    await begun.wait()
    ending = asyncio.ensure_future(asyncio.to_thread(side.stop))
    await cancelled.wait()
    assert not other.is_closed()
    with pytest.raises(StoreUnavailable, match="closed"):
        await side.run(lambda connection: connection.fetchval("SELECT 1"))
    goes_on.set()
    await ending
    assert other.is_closed()
    await asyncio.wait({working})
    assert working.cancelled()
