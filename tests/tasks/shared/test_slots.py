import asyncio

import pytest

from drydockd.tasks.shared.slots import Slots


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
