import asyncio

from drydockd.model import Action, Task
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks.schedule import queue as queues
from drydockd.tasks.schedule.queue import Queue
from drydockd.tasks.shared.recorder import Recorder


async def entered(*task_ids):
    store = MemoryStore()
    queue = Queue(Recorder(store))
    for number, task_id in enumerate(task_ids):
        task = Task(task_id, Action.NOOP, created=f"2026-01-01T00:00:0{number}")
        await store.write(Put(task))
        queue.enter(task)
    return store, queue


async def test_whose_nodes_are_free_is_woken_and_the_next_one_when_he_leaves():
    store, queue = await entered("t1", "t2")
    queue.resolve("t1", ["n1", "n2"], is_alone=False)
    queue.resolve("t2", ["n2"], is_alone=False)
    queue.wake()
    assert queue.turn("t1").is_set()
    assert not queue.turn("t2").is_set()
    assert queue.waits_for("t2") == "task t1 (noop), which holds n2"
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [m.message for m in store.messages("t2")] == [
        "Waiting for task t1 (noop), which holds n2."
    ]

    queue.leave("t1")

    assert queue.turn("t2").is_set()
    assert queue.waits_for("t2") is None


async def test_a_design_that_loads_for_long_is_told(monkeypatch):
    monkeypatch.setattr(queues, "LOADING_PATIENCE", 0.001)
    store, queue = await entered("t1", "t2")
    told = asyncio.Event()
    store.watch(lambda *_: told.set())
    queue.resolve("t2", ["n1"], is_alone=False)
    queue.wake()

    async with asyncio.timeout(20):
        await told.wait()
    (message,) = store.messages("t2")
    assert message.message == "Waiting for task t1 (noop), whose design is being loaded."


async def test_many_shared_nodes_are_not_all_named_and_a_whole_site_is_named_as_such():
    _, queue = await entered("t1", "t2", "t3")
    nodes = [f"n{number}" for number in range(10)]
    queue.resolve("t1", nodes, is_alone=False)
    queue.resolve("t2", nodes, is_alone=False)
    queue.resolve("t3", [], is_alone=True)
    queue.wake()
    assert queue.waits_for("t2").endswith("n0, n1, n2, n3, n4, n5, n6, n7 and 2 more nodes")
    assert queue.waits_for("t3").endswith("one of the two is site-wide and runs alone")
    await queue.close()


async def test_after_the_close_nobody_is_told():
    store, queue = await entered("t1", "t2")
    queue.resolve("t2", ["n1"], is_alone=False)
    queue.wake()
    await queue.close()
    assert store.messages("t2") == []
