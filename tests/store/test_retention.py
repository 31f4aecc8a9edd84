"""What a retention run removes, slice by slice; what it spares is in test_base."""

import asyncio

import pytest

from drydockd.model import Intent
from drydockd.store.base import Purged, Put
from drydockd.store.retention import purge_slices
from drydockd.store.tables import Tables
from tests.store.helpers import (
    COMPLETE,
    MONDAY,
    RUNNING,
    TUESDAY,
    a_boot_action,
    a_context,
    a_message,
    a_task,
    on_database,
)


def some_tables(*tasks):
    tables = Tables()
    for task in tasks:
        tables.load("tasks", task)
    return tables


def done(task_id, parent=None, **fields):
    return a_task(task_id, parent_task_id=parent, **{"status": COMPLETE} | fields)


def plan(tables, size=512):
    """Do as the store does; return the slices and how often others came in between."""
    slices, pauses = [], 0
    for part in purge_slices(tables, TUESDAY, size):
        if part is None:
            pauses += 1
            continue
        for table, key, _, _ in part.ops:
            tables.remove(table, key)
        slices.append(part)
    return slices, pauses


def test_grandchildren_go_in_the_same_slice_behind_their_root():
    tables = some_tables(done("root"), done("child", "root"), done("grandchild", "child"))
    (only,), _ = plan(tables)
    assert [op[:2] for op in only.ops] == [
        ("tasks", name) for name in ("root", "child", "grandchild")
    ]
    assert only.total == Purged(tasks=3)


def test_a_running_grandchild_keeps_the_whole_tree():
    tables = some_tables(
        done("root"), done("child", "root"), done("grandchild", "child", status=RUNNING)
    )
    assert plan(tables) == ([], 0)


def test_a_task_whose_parent_is_gone_is_a_root():
    (only,), _ = plan(some_tables(done("orphan", "gone")))
    assert only.total == Purged(tasks=1)


def test_boot_actions_of_a_node_without_a_context_go_and_intents():
    tables = some_tables(done("t"))
    tables.load("boot_actions", a_boot_action("A"))
    tables.load("boot_contexts", a_context("n2", "c1"))
    tables.load("intents", Intent("t/n1/wipe", "t", "n1", "wipe", MONDAY))
    (only,), _ = plan(tables)
    assert only.total == Purged(tasks=1, boot_actions=1)
    assert tables.intents == tables.boot_actions == {}


@pytest.mark.parametrize("members", [1, 2, 3, 7])
def test_no_slice_is_longer_than_asked_for_and_no_tree_is_divided(members):
    tables = Tables()
    for root in range(100):
        for number in range(members):
            parent = f"{root}-0" if number else None
            tables.load("tasks", done(f"{root}-{number}", parent, created=f"2025-{root:03}"))
    slices, _ = plan(tables, 10)
    assert tables.tasks == {}
    assert all(len(part.ops) <= 10 and len(part.ops) % members == 0 for part in slices)
    assert sum(part.total.tasks for part in slices) == 100 * members
    assert len(slices) <= 100 / (10 // members) + 1


def test_others_come_in_between_while_nothing_is_found():
    tables = some_tables(*(done(f"{n:04}", status=RUNNING) for n in range(1000)))
    assert plan(tables, 50) == ([], 9)


def test_a_tree_longer_than_a_slice_is_one_and_is_walked_with_pauses():
    tables = some_tables(done("small"), done("z"), *(done(f"z{n:03}", "z") for n in range(100)))
    tables.load("tasks", done("zz-small"))
    slices, pauses = plan(tables, 10)
    assert sorted(len(part.ops) for part in slices) == [1, 1, 101]
    (long,) = (part for part in slices if part.long)
    assert long.ops[0][:2] == ("tasks", "z")
    assert len(long.long) == 101
    assert pauses >= 10
    assert tables.tasks == {}


def test_a_long_tree_that_gets_an_unfinished_member_while_it_is_walked_stays():
    tables = some_tables(done("z"), *(done(f"z{n:03}", "z") for n in range(100)))
    slices = purge_slices(tables, TUESDAY, 10)
    assert next(slices) is None
    tables.load("tasks", a_task("new", parent_task_id="z099", status=RUNNING))
    assert [part for part in slices if part] == []


def test_what_changed_between_two_slices_is_looked_at_again():
    tables = some_tables(*(done(f"{n}") for n in range(4)))
    tables.load("tasks", done("3-kid", "3"))
    slices = purge_slices(tables, TUESDAY, 4)
    first = next(slices)
    assert [key for _, key, _, _ in first.ops] == ["0", "1", "2"]
    tables.load("tasks", a_task("3-new", parent_task_id="3", status=RUNNING))
    assert [part for part in slices if part] == []


@pytest.mark.peer("postgres")
async def test_two_daemons_that_purge_at_once_count_each_task_once(shared):
    one, other = await on_database(shared, "one"), await on_database(shared, "other")
    try:
        for number in range(20):
            task = done(f"t{number}")
            await one.write(Put(task), Put(a_message(task.task_id)))
        await other.fresh(20)
        purged = await asyncio.gather(*(s.purge_tasks(before=TUESDAY) for s in (one, other)))
        assert purged[0] + purged[1] == Purged(tasks=20, messages=20)
        for store in (one, other):
            await store.fresh(20)
            assert store.tasks() == []
    finally:
        await one.close()
        await other.close()
