"""Work that a cancel does not cut in two."""

import asyncio

import pytest

from drydockd.drivers.oob.redfish.uninterrupted import Grace, uninterrupted


class Work:
    def __init__(self, error=None):
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.is_done, self.error = False, error

    async def run(self):
        self.begun.set()
        await self.may_end.wait()
        self.is_done = True
        if self.error:
            raise self.error
        return "done"


async def cancelled(work, grace, times=1):
    """Begin `work`, cancel it so many times, and return what waits for it."""
    running = asyncio.create_task(uninterrupted(work.run(), grace))
    await work.begun.wait()
    for _ in range(times):
        running.cancel()
        await asyncio.sleep(0)
    return running


async def test_without_a_cancel_it_is_awaited_like_any_other():
    work = Work()
    work.may_end.set()
    assert await uninterrupted(work.run(), Grace(1)) == "done"
    broken = Work(ValueError("broken"))
    broken.may_end.set()
    with pytest.raises(ValueError, match="broken"):
        await uninterrupted(broken.run(), Grace(1))


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("error", [None, ValueError("broken")])
async def test_a_cancel_is_raised_when_the_work_is_done(times, error):
    work = Work(error)
    running = await cancelled(work, Grace(60), times)
    assert not running.done()
    work.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.is_done


async def test_after_the_grace_the_work_is_cut():
    work = Work()
    running = await cancelled(work, Grace(0.01))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not work.is_done


async def test_a_time_out_around_it_is_still_one():
    work = Work()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await uninterrupted(work.run(), Grace(0.01))


async def test_the_grace_begins_once_and_is_shared():
    grace = Grace(1000)
    assert grace.left() is None
    grace.begin()
    first = grace.left()
    grace.begin()
    assert grace.left() <= first
