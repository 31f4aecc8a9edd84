import asyncio

import pytest

from drydockd.tasks.shared.shutdown import Shutdown


async def test_work_may_begin_until_the_shutdown_does():
    shutdown = Shutdown()
    async with asyncio.timeout(1):
        await shutdown.hold()
    shutdown.begin()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await shutdown.hold()


async def test_quiet_waits_for_brief_work_only():
    shutdown = Shutdown()
    with shutdown.brief_work(False):
        async with asyncio.timeout(1):
            await shutdown.quiet()
    with shutdown.brief_work(True), shutdown.brief_work(True), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await shutdown.quiet()
    async with asyncio.timeout(1):
        await shutdown.quiet()
