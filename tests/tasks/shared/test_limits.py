import asyncio
import gc

import pytest

from drydockd.tasks.shared.limits import LimitPassed, bounded


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
