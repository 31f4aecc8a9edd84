import asyncio
import gc

import pytest

from drydockd.tasks.shared.limits import LimitPassed, Slots, bounded


async def test_work_within_its_time_returns_or_raises_its_own():
    async def good():
        return 7

    async def bad():
        raise ValueError("no")

    assert await bounded(good(), 1, name="good") == 7
    with pytest.raises(ValueError, match="no"):
        await bounded(bad(), 1, name="bad")


async def test_work_over_its_time_is_cancelled():
    was_cancelled = asyncio.Event()

    async def slow():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    with pytest.raises(LimitPassed):
        await bounded(slow(), 0.01, name="slow")
    assert was_cancelled.is_set()


async def test_work_that_ignores_its_cancellation_is_left_behind():
    release = asyncio.Event()

    async def stubborn():
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError("nobody cares any more")

    with pytest.raises(LimitPassed):
        await bounded(stubborn(), 0.01, name="stubborn", abandon_after=0.01)
    release.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()


async def test_an_inner_timeout_is_the_works_own_error():
    async def inner():
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await bounded(inner(), 1, name="inner")


async def test_cancelling_the_waiter_cancels_the_work():
    started, ended = asyncio.Event(), asyncio.Event()

    async def work():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiter = asyncio.create_task(bounded(work(), 10, name="work"))
    await started.wait()
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert ended.is_set()


def slots(fan_out=2, total=4, **drivers):
    return Slots(fan_out, total, drivers or {"oob": 3, "node": 3})


async def test_a_step_a_driver_and_all_together_have_their_limits():
    some = slots()

    assert [some.try_take("s1", "oob", "t") for _ in range(3)] == [True, True, False]
    assert [some.try_take("s2", "oob", "t") for _ in range(2)] == [True, False]
    assert [some.try_take("s3", "node", "t") for _ in range(2)] == [True, False]
    assert some.try_take("s4", "", "t"), "without a driver only the step's own limit counts"


async def test_a_freed_slot_goes_round_the_steps_in_turn():
    some = slots(fan_out=9, total=1, oob=9)
    assert some.try_take("big", "oob", "t1")
    order = []

    async def come(line):
        assert await some.take(line, "oob", line)
        order.append(line)

    waiting = [asyncio.create_task(come(line)) for line in ("big", "big", "big", "small")]
    await asyncio.sleep(0)
    some.give("big")
    for _ in range(3):
        await asyncio.sleep(0)
        some.give(order[-1])
    await asyncio.gather(*waiting)

    assert order.index("small") <= 1


async def test_those_who_wait_for_a_stopped_task_are_sent_away():
    some = slots(fan_out=1)
    assert some.try_take("s1", "oob", "t1")
    waiter = asyncio.create_task(some.take("s1", "oob", "t1"))
    await asyncio.sleep(0)

    some.stop("t1")

    assert await waiter is False
    some.give("s1")
    assert some.try_take("s1", "oob", "t1")


async def test_a_cancelled_waiter_leaves_no_slot_behind():
    some = slots(fan_out=1)
    assert some.try_take("s1", "oob", "t1")
    waiter = asyncio.create_task(some.take("s1", "oob", "t1"))
    await asyncio.sleep(0)
    some.give("s1")
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert some.try_take("s1", "oob", "t1")
    assert some.waiting == 0
