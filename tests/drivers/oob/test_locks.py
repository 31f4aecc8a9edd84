"""The lock of each BMC: one call at a time, across all tasks."""

import asyncio

import pytest

from drydockd.drivers.oob.locks import BmcLocks


class Call:
    """One call at a BMC, which ends when it is told to."""

    def __init__(self, locks, address):
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.task = asyncio.create_task(self.run(locks, address))

    async def run(self, locks, address):
        async with locks.hold(address):
            self.began.set()
            await self.may_end.wait()

    async def end(self):
        self.may_end.set()
        await self.task


async def turns():
    """Let everything that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_second_call_to_a_bmc_waits_for_the_first():
    locks = BmcLocks()
    first, second = Call(locks, "10.0.0.1"), Call(locks, "10.0.0.1")
    await first.began.wait()
    await turns()
    assert not second.began.is_set()

    await first.end()
    await second.began.wait()
    await second.end()


async def test_calls_to_different_bmcs_do_not_wait_for_each_other():
    locks = BmcLocks()
    calls = [Call(locks, f"10.0.0.{number}") for number in range(3)]
    for call in calls:
        await call.began.wait()
    assert len(locks) == 3
    for call in calls:
        await call.end()


async def test_a_lock_that_nobody_wants_is_forgotten():
    locks = BmcLocks()
    async with locks.hold("10.0.0.1"):
        assert len(locks) == 1
    assert len(locks) == 0


async def test_who_gives_up_waiting_leaves_the_lock_to_the_others():
    locks = BmcLocks()
    first, second, third = (Call(locks, "10.0.0.1") for _ in range(3))
    await first.began.wait()
    await turns()
    second.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second.task

    await first.end()
    await third.began.wait()
    await third.end()
    assert len(locks) == 0


async def test_a_call_that_fails_gives_its_lock_back():
    locks = BmcLocks()
    with pytest.raises(ValueError, match="broken"):
        async with locks.hold("10.0.0.1"):
            raise ValueError("broken")
    assert len(locks) == 0
