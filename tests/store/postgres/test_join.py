"""A database that forgot what it acknowledged is noticed, and nothing is written to it."""

import asyncio

import pytest

from drydockd.errors import StoreUnavailable
from drydockd.store import Put
from drydockd.store.postgres.replica import HistoryLost
from tests.store.helpers import a_task, on_database

# As a backup does, or a standby that had not been told of the last two writes.
FORGET = """
DELETE FROM drydock.write WHERE seq > 3;
DELETE FROM drydock.record WHERE seq > 3;
DELETE FROM drydock.change WHERE seq > 3;
UPDATE drydock.head SET seq = 3, chain = (SELECT chain FROM drydock.write WHERE seq = 3);
"""


@pytest.mark.parametrize("part", ["_writer", "_feed"])
@pytest.mark.parametrize("goes_on", [False, True], ids=["shorter", "another"])
async def test_lost_writes_are_noticed_by_the_next_connection(shared, part, goes_on):
    lost = asyncio.get_running_loop().create_future()
    store = await on_database(shared, on_lost=lost.set_result)
    for number in range(5):
        await store.write(Put(a_task(f"{number}")))
    shared.run(FORGET)
    if goes_on:
        other = await on_database(shared, "other")
        for number in range(5):
            await other.write(Put(a_task(f"other {number}")))
        await other.close()
    if (connection := getattr(store.backend, part)._connection) is not None:
        connection.terminate()
    write = asyncio.ensure_future(store.write(Put(a_task("late"))))
    async with asyncio.timeout(10):
        error = await lost
    assert isinstance(error, HistoryLost)
    assert "write 5 was seen here" in str(error) or goes_on
    assert "lost writes that were acknowledged" in str(error)
    with pytest.raises((StoreUnavailable, asyncio.CancelledError)):
        await write
    with pytest.raises(StoreUnavailable, match="lost writes"):
        await store.write(Put(a_task("later")))
    assert store.task("4")
    await store.close()


async def test_lost_connections_are_no_loss(shared):
    store = await on_database(shared, on_lost=lambda error: pytest.fail(str(error)))
    for number in range(6):
        await store.write(Put(a_task(f"{number}")))
        part = (store.backend._writer, store.backend._feed)[number % 2]
        part._connection.terminate()
    await store.fresh(10)
    session = store.backend.session
    assert session > 1
    assert shared.run("SELECT session FROM drydock.member") == str(session)
    await store.close()
