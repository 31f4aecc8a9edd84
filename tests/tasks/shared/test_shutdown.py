import asyncio

from drydockd.tasks.shared.shutdown import Shutdown


async def passes(waiting):
    """Whether a wait is over as soon as the loop came round."""
    task = asyncio.ensure_future(waiting)
    for _ in range(5):
        await asyncio.sleep(0)
    is_over = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return is_over


async def test_work_may_begin_until_the_shutdown_does():
    shutdown = Shutdown()
    assert await passes(shutdown.hold())
    shutdown.begin()
    assert not await passes(shutdown.hold())


async def test_quiet_waits_for_brief_work_only():
    shutdown = Shutdown()
    with shutdown.brief_work(False):
        assert await passes(shutdown.quiet())
    with shutdown.brief_work(True):
        with shutdown.brief_work(True):
            assert not await passes(shutdown.quiet())
        assert not await passes(shutdown.quiet())
        quiet = asyncio.create_task(shutdown.quiet())
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await quiet
