import asyncio

from drydockd.model import Action, BootAction, BootActionStatus, Task
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.words import messages


def some_changes(history=10):
    store = MemoryStore()
    return store, Changes(store, history)


async def test_a_waiter_is_woken_by_its_task_and_its_messages_only():
    store, changes = some_changes()
    with changes.task("t1") as changed:
        await store.write(Put(Task("t2", Action.NOOP)))
        assert not changed.is_set()
        await store.write(Put(Task("t1", Action.NOOP)))
        assert changed.is_set()
        changed.clear()
        await store.write(Put(messages.on_task("t1", "hello")))
        assert changed.is_set()


async def test_a_waiter_for_a_node_is_woken_by_its_boot_actions():
    store, changes = some_changes()
    row = BootAction("A", "n1", "hello", "t", "c", BootActionStatus.INCOMPLETE, "now")
    with changes.node("n1") as mine, changes.node("n2") as other:
        await store.write(Put(row))
        assert mine.is_set()
        assert not other.is_set()


async def test_ids_grow_and_only_the_latest_changes_are_kept():
    store, changes = some_changes(history=3)
    for number in range(6):
        await store.write(Put(Task(f"t{number}", Action.NOOP)))

    assert [c.record.task_id for c in changes.recent] == ["t3", "t4", "t5"]
    ids = [c.id for c in changes.recent]
    assert ids == sorted(set(ids))


async def test_a_listener_hears_until_it_leaves():
    store, changes = some_changes()
    heard = []
    leave = changes.listen(heard.append)
    await store.write(Put(Task("t1", Action.NOOP)))
    leave()
    await store.write(Put(Task("t2", Action.NOOP)))

    assert [c.record.task_id for c in heard] == ["t1"]


async def test_waiters_leave_nothing_behind():
    _, changes = some_changes()
    with changes.task("t1"), changes.task("t1"):
        pass
    await asyncio.sleep(0)
    assert changes._tasks == {}
