import asyncio
import gc

from drydockd.model import Action, BootAction, BootActionStatus, DriverRecord, Task
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.store.news import News
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


async def test_ids_say_which_write_and_which_record_of_it_whatever_the_clock_says():
    store, changes = some_changes(history=3)
    for number in range(4):
        task = Put(Task(f"t{number}", Action.NOOP))
        await store.write(task, Put(messages.on_task(f"t{number}", "hello")))

    first = store.origin + 3 * 1024
    assert [c.id for c in changes.recent()] == [first + 1024, first + 1025]
    assert changes.latest_id() == store.origin + 4 * 1024 + 1023


async def test_what_came_behind_an_id_is_told_or_known_to_be_forgotten():
    store, changes = some_changes(history=3)
    start = changes.latest_id()
    for number in range(3):
        await store.write(Put(Task(f"t{number}", Action.NOOP)))

    assert [c.record.task_id for c in changes.after(start)] == ["t0", "t1", "t2"]
    assert changes.after(changes.latest_id()) == []
    await store.write(Put(Task("t3", Action.NOOP)))
    ids = [c.id for c in changes.recent()]
    assert changes.after(start) is None
    assert [c.record.task_id for c in changes.after(ids[0])] == ["t2", "t3"]
    assert changes.after(changes.latest_id() + 1) is None


async def test_after_a_restart_ids_go_on_and_only_the_very_last_one_is_known():
    store, changes = some_changes()
    await store.write(*(Put(Task(f"t{number}", Action.NOOP)) for number in range(3000)))
    before = [c.id for c in changes.recent()]
    changes.close()
    again = Changes(store, 10)

    assert again.after(before[-2]) is None
    assert again.after(before[-1]) == []
    await store.write(Put(Task("new", Action.NOOP)))
    assert again.recent()[0].id > before[-1]
    assert [c.record.task_id for c in again.after(before[-1])] == ["new"]


async def test_of_a_write_with_more_records_than_ids_none_is_left_out():
    store, changes = some_changes(history=2000)
    start = changes.latest_id()
    await store.write(*(Put(Task(f"t{number}", Action.NOOP)) for number in range(1500)))
    ids = [c.id for c in changes.recent()]

    assert ids == sorted(ids)
    assert ids[-1] == changes.latest_id()
    assert len(changes.after(start)) == 1500
    for seen in (1, 400, 477, 478, 1499):
        missed = {c.record.task_id for c in changes.after(ids[seen - 1])}
        assert missed >= {f"t{number}" for number in range(seen, 1500)}


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


async def test_what_is_remembered_costs_the_collector_nothing():
    store, changes = some_changes()
    await store.write(Put(Task("t1", Action.NOOP)), Put(messages.on_task("t1", "hello")))

    (write,) = changes._recent
    news = write[1]
    assert [v for v in (write, news, news.parts, *news.parts) if gc.is_tracked(v)] == []


async def test_ids_are_those_of_places_whatever_else_a_write_left():
    """In memory a write has records that tell nothing, and one that was changed twice."""
    store, changes = some_changes()
    row = BootAction("A", "n1", "hello", "t1", "c", BootActionStatus.INCOMPLETE, "now")
    await store.write(
        Put(DriverRecord("d/x", "d", {})),
        Put(Task("t1", Action.NOOP)),
        Put(row),
        Put(Task("t1", Action.NOOP, created_by="me")),
        Put(messages.on_task("t1", "hello")),
    )
    first = store.origin + 1024
    assert [(c.id, getattr(c.record, "created_by", "")) for c in changes.recent()] == [
        (first, "me"),
        (first + 2, ""),
    ]


async def test_what_many_writes_left_together_is_heard_and_not_taken_for_all_that_was_told():
    """Others told it one by one: who comes from them with an id has to read the whole again."""
    store, changes = some_changes()
    await store.write(Put(Task("t1", Action.NOOP)))
    before, heard = changes.latest_id(), []
    changes.listen(heard.append)
    news = News(leaps=True)
    news.parts.append(Task("t2", Action.NOOP))
    store.leap(9, news)

    assert [c.record.task_id for c in heard] == ["t2"]
    for change_id in (before, store.origin + 8 * 1024, store.origin + 9 * 1024):
        assert changes.after(change_id) is None
    assert changes.writes(8) is None
    await store.write(Put(Task("t3", Action.NOOP)))
    assert [c.record.task_id for c in changes.after(store.origin + 10 * 1024 - 1)] == ["t3"]
    assert [seq for seq, _ in changes.writes(9)] == [10]
