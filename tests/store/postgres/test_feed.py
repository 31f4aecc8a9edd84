"""What others wrote comes by itself, over lost connections too, and asking for it is bounded."""

import asyncio

import pytest

from drydockd.errors import StoreStale
from drydockd.store import Put
from drydockd.store.postgres import feed, join
from tests.store.helpers import a_message, a_task
from tests.store.postgres.faults import Cut, hold


async def test_after_a_lost_connection_nothing_of_others_is_missed(pair):
    here, there = pair
    for number in range(5):
        there.backend._feed._connection.terminate()
        await here.write(Put(a_task(f"{number}")))
        await there.fresh(10)
        assert there.task(f"{number}")
    assert there.health().error is None


async def test_without_notifications_it_asks_by_itself(pair, monkeypatch):
    here, there = pair
    monkeypatch.setattr(feed, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(feed, "CHANNEL", "nobody_speaks_there")
    there.backend._feed._connection.terminate()
    await there.fresh(10)
    seen = asyncio.Event()
    there.watch(lambda seq, news: seen.set())
    await here.write(Put(a_task("a")))
    async with asyncio.timeout(10):
        await seen.wait()


async def test_who_asks_while_the_database_is_away_is_told_so_in_time(pair, monkeypatch):
    here, there = pair
    cut = Cut(monkeypatch, feed, join)
    await here.write(Put(a_task("a")))
    await there.fresh(10)
    cut.cut(there)
    with pytest.raises(StoreStale, match="last heard"):
        await there.fresh(0.05)
    assert there.task("a")
    assert "cannot be read" in there.health().error
    waiting = asyncio.ensure_future(there.fresh(10))
    await here.write(Put(a_task("b")))
    cut.is_on = False
    await waiting
    assert there.task("b")


async def test_those_who_ask_at_once_share_a_round_trip(pair, monkeypatch):
    _, there = pair
    await there.fresh(10)
    asked = []
    catch_up = there.backend._replica.catch_up

    async def count(connection):
        asked.append(1)
        await catch_up(connection)

    monkeypatch.setattr(there.backend._replica, "catch_up", count)
    await asyncio.gather(*(there.fresh(10) for _ in range(50)))
    assert len(asked) <= 2


@pytest.fixture
async def writing(pair, monkeypatch):
    """Two stores; what the first one's feed asks for, and when it was notified of something."""
    here, there = pair
    monkeypatch.setattr(feed, "POLL_SECONDS", 60)
    await here.write(Put(a_task("a")))
    await asyncio.gather(here.fresh(10), there.fresh(10))
    asked, told = [], asyncio.Event()
    catch_up = here.backend._replica.catch_up

    async def count(connection):
        asked.append(1)
        await catch_up(connection)

    monkeypatch.setattr(here.backend._replica, "catch_up", count)
    await here.backend._feed._connection.add_listener(feed.CHANNEL, lambda *_: told.set())
    return here, there, asked, told


async def test_what_the_answer_to_an_own_write_tells_is_not_asked_for_too(writing, monkeypatch):
    here, there, asked, told = writing
    monkeypatch.setattr(feed, "ANSWER_SECONDS", 60)
    held = hold(here, answered=False)
    mine = asyncio.ensure_future(here.write(Put(a_message("a", "mine"))))
    await held.is_held.wait()
    await there.write(Put(a_message("a", "other")))
    await told.wait()
    held.go.set()
    await mine
    assert [message.message for message in here.messages("a")] == ["other", "mine"]
    await asyncio.sleep(0)  # whoever is told of the answer
    assert asked == []
    assert here.backend._feed._patience is None


async def test_what_the_answer_does_not_tell_is_asked_for_at_once(writing, monkeypatch):
    here, there, asked, told = writing
    monkeypatch.setattr(feed, "ANSWER_SECONDS", 60)
    held = hold(here, answered=True)
    mine = asyncio.ensure_future(here.write(Put(a_message("a", "mine"))))
    await held.is_held.wait()
    told.clear()
    await there.write(Put(a_message("a", "other")))
    await told.wait()
    assert asked == []
    seen = asyncio.Event()
    here.watch(lambda seq, news: seen.set() if here.message_count("a") == 2 else None)
    held.go.set()
    async with asyncio.timeout(30):
        await asyncio.gather(mine, seen.wait())
    assert [message.message for message in here.messages("a")] == ["mine", "other"]


async def test_an_answer_that_does_not_come_keeps_nothing_from_being_seen(writing, monkeypatch):
    here, there, _, _ = writing
    monkeypatch.setattr(feed, "ANSWER_SECONDS", 0.01)
    held = hold(here, answered=False)
    mine = asyncio.ensure_future(here.write(Put(a_message("a", "mine"))))
    await held.is_held.wait()
    seen = asyncio.Event()
    here.watch(lambda seq, news: seen.set())
    await there.write(Put(a_message("a", "other")))
    async with asyncio.timeout(30):
        await seen.wait()
    assert not mine.done()
    assert [message.message for message in here.messages("a")] == ["other"]
    held.go.set()
    await mine


async def test_who_asks_does_not_wait_for_an_answer(writing, monkeypatch):
    here, there, _, told = writing
    monkeypatch.setattr(feed, "ANSWER_SECONDS", 60)
    held = hold(here, answered=False)
    mine = asyncio.ensure_future(here.write(Put(a_message("a", "mine"))))
    await held.is_held.wait()
    await there.write(Put(a_message("a", "other")))
    await told.wait()
    await here.fresh(30)
    assert [message.message for message in here.messages("a")] == ["other"]
    held.go.set()
    await mine


async def test_own_writes_ask_nobody(pair, monkeypatch):
    here, _ = pair
    monkeypatch.setattr(feed, "POLL_SECONDS", 60)
    await here.fresh(10)
    asked = []
    monkeypatch.setattr(here.backend._replica, "catch_up", asked.append)
    for number in range(10):
        await here.write(Put(a_task(f"{number}")))
    assert asked == []


async def test_what_answers_told_is_not_asked_for_until_they_come_no_more(writing, monkeypatch):
    here, *_ = writing
    replica, mine = here.backend._replica, here.backend._feed
    replica.whole_at = -1.0
    await here.write(Put(a_message("a", "mine")))
    assert replica.whole_at > 0
    monkeypatch.setattr(feed, "POLL_SECONDS", 0.01)
    async with asyncio.timeout(30):
        await mine._rest()
        replica.whole_at += 3600
        resting = asyncio.ensure_future(mine._rest())
        await asyncio.wait({resting}, timeout=0)
        assert not resting.done()
        mine._asked.set()
        await resting
