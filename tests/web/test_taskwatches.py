import asyncio

from drydockd.store import Put
from drydockd.web.taskwatches import MOST_IDLE, TaskWatches
from tests.web.tasking import ROOT, record


async def test_many_pages_of_a_task_have_one_watch(watched):
    first, second = await watched.watch(), await watched.watch()
    assert first is second
    assert len(watched.watches) == 1


async def test_a_watch_rests_after_its_last_page_and_ends_when_nobody_comes_back(watched):
    watches = TaskWatches(watched.looks, linger_seconds=60.0)
    watch = await watches.of(watched.store.task(ROOT), watched.services)
    watches.take(watch)
    watches.take(watch)
    watches._linger = 0.0
    watches.leave(watch)
    assert len(watches) == 1
    watches.leave(watch)
    await asyncio.wait([watch._work], timeout=20)
    assert len(watches) == 0


async def test_of_many_that_nobody_follows_the_oldest_goes(watched):
    for number in range(MOST_IDLE + 3):
        task = record(task_id=f"{number:08}-0000-4000-8000-000000000000")
        await watched.store.write(Put(task))
        await watched.watches.of(task, watched.services)
    assert len(watched.watches) == MOST_IDLE


async def test_the_daemons_end_is_the_end_of_every_watch(watched):
    watch = await watched.watch()
    watched.services.closing.set()
    await asyncio.wait([watch._work], timeout=20)
    assert len(watched.watches) == 0
