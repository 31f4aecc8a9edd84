"""Events to a receiver: whole, in order, whatever receiver and daemon do."""

import asyncio
import contextlib
import logging

import pytest

from drydockd.design.confinement import Hosts
from drydockd.model import Message
from drydockd.store.base import Put
from drydockd.store.tiny import open_tiny
from drydockd.tasks import EventFilter, Feed
from drydockd.tasks.shared.changes import Changes
from drydockd.webhooks import courier as couriers
from drydockd.webhooks.courier import Courier, State
from drydockd.webhooks.sender import Sender
from tests.store.helpers import COMPLETE, MONDAY, RUNNING, a_task
from tests.webhooks.receiver import receiving

SECRET = b"0123456789abcdef"
STATES = EventFilter(frozenset({"state"}))


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(couriers, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def receiver():
    with receiving() as opened:
        yield opened


class Life:
    """One life of a daemon: a store, its changes, a courier at work."""

    def __init__(self, store, url, *, history, wanted):
        self.store = store
        self.changes = Changes(store, history)
        self.courier = Courier(
            "hook",
            Sender(url, SECRET, Hosts(["localhost"]), seconds=20),
            wanted,
            store,
            lambda wanted, **more: Feed(store, self.changes, wanted, **more),
            longest_pause=0.01,
        )
        self.work = asyncio.create_task(self.courier.run())

    async def until(self, is_so):
        """Wait for something of the courier: it writes its place, or somebody writes."""
        async with asyncio.timeout(30):
            with self.changes.any() as news:
                while not is_so(self.courier):
                    news.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await news.wait()

    async def states(self, *numbers):
        for number in numbers:
            await self.store.write(Put(a_task(f"t{number}", status=RUNNING, updated=MONDAY)))
            await self.store.write(
                Put(Message(f"t{number}", "not for webhooks")),
                Put(a_task(f"t{number}", status=COMPLETE, updated=MONDAY)),
            )


@contextlib.asynccontextmanager
async def life(path, url, *, history=5000, **options):
    store = await open_tiny(path, **options)
    found = Life(store, url, history=history, wanted=STATES)
    try:
        await found.until(lambda courier: courier._counting is not None)
        yield found
    finally:
        found.work.cancel()
        await asyncio.wait([found.work])
        found.changes.close()
        await store.close()


def told(receiver):
    return [(e["data"]["task_id"], e["data"]["status"]) for e in receiver.taken()]


def expected(*numbers):
    return [(f"t{n}", status) for n in numbers for status in ("running", "complete")]


def has_all(courier):
    return courier.lag_events == 0 and courier.delivered > 0


async def test_events_come_in_order_and_once_over_a_restart(receiver, tmp_path):
    async with life(tmp_path, receiver.url) as first:
        await first.states(1, 2)
        await first.until(lambda courier: courier.delivered == 4)
    async with life(tmp_path, receiver.url) as second:
        await second.states(3)
        await second.until(lambda courier: courier.delivered == 2)
    assert told(receiver) == expected(1, 2, 3)


@pytest.mark.parametrize("history", [1, 5000])
async def test_while_the_receiver_is_down_all_waits_in_the_store(tmp_path, history):
    with receiving() as away:
        port = away.port
    async with life(tmp_path, f"http://localhost:{port}/hook", history=history) as one:
        await one.states(*range(20))
        await one.until(lambda courier: courier.failures > 2 and courier.lag_events == 40)
        courier = one.courier
        assert courier.state is State.FAILING
        assert courier.lag_seconds > 0
        assert "40 events wait" in courier.problem()
        with receiving(port) as receiver:
            await one.until(has_all)
            assert told(receiver) == expected(*range(20))
        assert (courier.state, courier.problem(), courier.lag_seconds) == (State.WELL, None, 0)


async def test_a_daemon_that_dies_in_mid_delivery_sends_again_and_loses_nothing(receiver, tmp_path):
    async with life(tmp_path, receiver.url) as first:
        await first.states(1)
        await first.until(has_all)
        receiver.answers = [None]
        # Its place is not written any more: as after a kill.
        first.courier._save = first.courier._note = never
        await first.states(2, 3)
        await first.until(lambda courier: courier.delivered >= 5)
    async with life(tmp_path, receiver.url) as second:
        await second.until(lambda courier: courier.delivered >= 4)
    found = told(receiver)
    assert list(dict.fromkeys(found)) == expected(1, 2, 3)
    assert found[-4:] == expected(2, 3)


@pytest.mark.parametrize("status", [302, 401, 404, 408, 429, 500, 503])
async def test_what_may_pass_is_tried_again_and_nothing_overtakes(receiver, tmp_path, status):
    receiver.answers = [200, status, status, status]
    async with life(tmp_path, receiver.url) as one:
        await one.states(1, 2)
        await one.until(lambda courier: courier.delivered == 4)
        assert one.courier.failures == 3
    assert told(receiver) == expected(1, 2)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_what_is_never_taken_is_left_out_and_told(receiver, tmp_path, status, caplog):
    receiver.answers = [status] * couriers.TRIES
    async with life(tmp_path, receiver.url) as one:
        await one.states(1)
        await one.until(lambda courier: courier.delivered == 1)
        assert (one.courier.refused, one.courier.lag_events) == (1, 0)
    assert told(receiver) == [("t1", "complete")]
    assert f"is left out: answered with {status} 5 times" in caplog.text


async def test_who_is_gone_is_asked_no_more_until_the_next_start(receiver, tmp_path):
    receiver.answers = [410]
    async with life(tmp_path, receiver.url) as one:
        await one.states(1)
        await one.until(lambda courier: courier.state is State.GONE and courier.lag_events == 2)
        assert "gone (410)" in one.courier.problem()
        await one.states(2)
        await one.until(lambda courier: courier.lag_events == 4)
        assert len(receiver.all) == 1
    async with life(tmp_path, receiver.url) as two:
        await two.until(lambda courier: courier.delivered == 4)
    assert told(receiver) == expected(1, 2)


async def test_a_slow_receiver_holds_up_neither_writes_nor_another(receiver, tmp_path):
    receiver.open.clear()
    async with life(tmp_path, receiver.url) as one:
        with receiving() as other:
            quick = Courier(
                "other",
                Sender(other.url, SECRET, Hosts(["localhost"]), seconds=20),
                EventFilter(frozenset({"state"})),
                one.store,
                lambda wanted, **more: Feed(one.store, one.changes, wanted, **more),
                longest_pause=0.01,
            )
            work = asyncio.create_task(quick.run())
            await one.until(lambda _: quick._counting is not None)
            await one.states(*range(10))
            await one.until(lambda _: has_all(quick))
            assert told(other) == expected(*range(10))
            assert one.courier.delivered == 0
            work.cancel()
            await asyncio.wait([work])
        receiver.open.set()
        await one.until(has_all)


async def test_what_the_store_keeps_no_more_is_a_gap(tmp_path):
    with receiving() as away:
        port = away.port
    url = f"http://localhost:{port}/hook"
    async with life(tmp_path, url, past_bytes=0) as one:
        await one.states(1)
    async with life(tmp_path, url, past_bytes=0) as two:
        await two.states(2)
        with receiving(port) as receiver:
            await two.until(lambda courier: courier.delivered == 2 and courier.lag_events == 0)
            gap, *rest = receiver.taken()
    assert gap["type"] == "drydock.events.gap"
    assert [e["data"]["task_id"] for e in rest] == ["t2", "t2"]


async def test_a_new_receiver_is_told_from_its_first_start_on(receiver, tmp_path):
    store = await open_tiny(tmp_path)
    await store.write(Put(a_task("before")))
    await store.close()
    async with life(tmp_path, receiver.url) as one:
        await one.states(1)
        await one.until(lambda courier: courier.delivered == 2)
    assert told(receiver) == expected(1)


async def test_a_pause_is_jittered_capped_and_as_long_as_asked(tmp_path):
    waits = Courier("h", None, EventFilter(), None, None, longest_pause=60)._wait
    some = {waits(10, None) for _ in range(50)}
    assert len(some) > 10
    assert 5 <= min(some) <= max(some) <= 10
    assert waits(10, 30) == 30
    assert waits(1000, None) <= 60
    assert waits(1, 3600) == 60


async def test_a_store_that_cannot_be_read_is_told_and_tried_again(receiver, tmp_path, caplog):
    async with life(tmp_path, receiver.url) as one:
        make, broken = one.courier._make_feed, [True]

        def feed(wanted, **more):
            if broken:
                raise OSError("disk gone")
            return make(wanted, **more)

        one.courier._make_feed = feed
        one.work.cancel()
        await asyncio.wait([one.work])
        one.work = asyncio.create_task(one.courier.run())
        await one.until(lambda courier: courier.state is State.FAILING)
        assert "the store cannot be read: disk gone" in one.courier.problem()
        broken.clear()
        await one.states(1)
        await one.until(lambda courier: courier.delivered == 2)


async def test_the_secret_is_in_no_log(receiver, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    receiver.answers = [500, None, 410]
    async with life(tmp_path, receiver.url) as one:
        await one.states(1)
        await one.until(lambda courier: courier.state is State.GONE)
        assert SECRET.decode() not in one.courier.problem()
    assert SECRET.decode() not in caplog.text
    assert "v1=" not in caplog.text


async def never(*_, **__):
    """Nothing is written."""
