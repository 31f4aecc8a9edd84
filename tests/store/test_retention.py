"""What a retention run removes; what it spares is in test_base, on every backend."""

from drydockd.model import Task
from drydockd.store.base import Purged, Remove
from drydockd.store.retention import plan_purge
from drydockd.store.tables import Tables
from tests.store.helpers import COMPLETE, RUNNING, TUESDAY, a_boot_action, a_context, a_task


def some_tables(*tasks):
    tables = Tables()
    for task in tasks:
        tables.load("tasks", task)
    return tables


def test_grandchildren_go_in_the_same_run():
    done = {"status": COMPLETE}
    tables = some_tables(
        a_task("root", **done),
        a_task("child", parent_task_id="root", **done),
        a_task("grandchild", parent_task_id="child", **done),
    )
    removals, purged = plan_purge(tables, TUESDAY)
    assert removals == [Remove(Task, name) for name in ("root", "child", "grandchild")]
    assert purged == Purged(tasks=3)


def test_a_running_grandchild_keeps_the_whole_tree():
    tables = some_tables(
        a_task("root", status=COMPLETE),
        a_task("child", parent_task_id="root", status=COMPLETE),
        a_task("grandchild", parent_task_id="child", status=RUNNING),
    )
    assert plan_purge(tables, TUESDAY) == ([], Purged())


def test_a_task_whose_parent_is_gone_is_a_root():
    tables = some_tables(a_task("orphan", parent_task_id="gone", status=COMPLETE))
    assert plan_purge(tables, TUESDAY)[1] == Purged(tasks=1)


def test_boot_actions_of_a_node_without_a_context_go():
    tables = some_tables(a_task("t", status=COMPLETE))
    tables.load("boot_actions", a_boot_action("A"))
    tables.load("boot_contexts", a_context("n2", "c1"))
    assert plan_purge(tables, TUESDAY)[1] == Purged(tasks=1, boot_actions=1)
