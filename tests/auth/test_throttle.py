"""Repeated failures of one address are answered later and later, within bounds."""

import asyncio

import pytest

from drydockd.auth.audit import Audit
from drydockd.auth.throttle import Throttle


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def throttle(clock, waits):
    async def sleep(seconds):
        waits.append(seconds)

    return Throttle(free=3, clock=clock, sleep=sleep, max_addresses=5)


async def test_a_few_failures_are_free_then_each_waits_longer_up_to_a_bound(throttle, waits):
    for _ in range(12):
        await throttle.failed("10.0.0.1", "bootkey")
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5])
    assert +throttle.failures == {"bootkey": 12}
    assert throttle.delayed == 9


async def test_others_are_not_slowed(throttle, waits):
    for _ in range(10):
        await throttle.failed("10.0.0.1", "token")
    waits.clear()
    assert await throttle.failed("10.0.0.2", "token") == 0
    assert waits == []


async def test_an_address_recovers_with_time(throttle, waits, clock):
    for _ in range(4):
        await throttle.failed("10.0.0.1", "token")
    clock.now += 40
    waits.clear()
    assert await throttle.failed("10.0.0.1", "token") == 0
    clock.now += 1e6
    for _ in range(3):
        assert await throttle.failed("10.0.0.1", "token") == 0


async def test_many_addresses_take_bounded_memory(throttle):
    for number in range(100):
        await throttle.failed(f"10.0.1.{number}", "token")
    assert throttle.tracked == 5


async def test_waiting_answers_are_bounded():
    release = asyncio.Event()

    async def sleep(seconds):
        await release.wait()

    throttle = Throttle(free=0, max_waiting=2, sleep=sleep)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        waiting = [group.create_task(throttle.failed("a", "token")) for _ in range(2)]
        await asyncio.sleep(0)
        assert throttle.waiting == 2
        assert await throttle.failed("a", "token") == 0
        release.set()
    assert all(task.result() > 0 for task in waiting)
    assert throttle.waiting == 0


async def test_a_client_that_hangs_up_gives_its_place_back():
    throttle = Throttle(free=0, step_seconds=60, max_seconds=60)
    task = asyncio.create_task(throttle.failed("a", "token"))
    await asyncio.sleep(0)
    assert throttle.waiting == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert throttle.waiting == 0


async def test_the_audit_hears_when_an_address_begins_to_be_slowed(clock, caplog):
    async def sleep(seconds):
        pass

    throttle = Throttle(free=2, clock=clock, sleep=sleep, audit=Audit())
    for _ in range(6):
        await throttle.failed("10.0.0.1", "token")
    (record,) = [r for r in caplog.records if r.name == "drydockd.audit"]
    assert "excess_rate_limit_exceeded:10.0.0.1" in record.getMessage()


@pytest.mark.parametrize(("live", "free"), [(1, 6), (2, 3), (4, 1), (50, 1)])
async def test_of_several_daemons_each_forgives_its_share(clock, live, free):
    async def sleep(seconds):
        return None

    throttle = Throttle(free=6, clock=clock, sleep=sleep, daemons=lambda: live)
    waited = [await throttle.failed("10.0.0.1", "token") for _ in range(8)]
    assert [seconds > 0 for seconds in waited] == [False] * free + [True] * (8 - free)


async def test_what_is_not_forgiven_at_all_is_not_by_several_either(clock):
    async def sleep(seconds):
        return None

    throttle = Throttle(free=0, clock=clock, sleep=sleep, daemons=lambda: 3)
    assert await throttle.failed("10.0.0.1", "token") > 0
