import asyncio

import pytest

from tests.tasks.helpers import Lab


async def test_the_gate_is_open_until_the_daemon_drains():
    core = Lab().tasks.core
    async with asyncio.timeout(1):
        await core.gate()
    core.is_draining = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await core.gate()


async def test_quiet_waits_for_brief_work_only():
    core = Lab().tasks.core
    with core.brief_work(False):
        async with asyncio.timeout(1):
            await core.quiet()
    with core.brief_work(True), core.brief_work(True), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await core.quiet()
    async with asyncio.timeout(1):
        await core.quiet()
