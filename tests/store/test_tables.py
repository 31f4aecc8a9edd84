"""Rows and indexes in memory."""

import gc

from drydockd.model import Link, Result
from drydockd.store.codec import BuildRow
from drydockd.store.tables import Tables
from tests.store.helpers import COMPLETE, RUNNING, a_boot_action, a_context, a_task, some_data


def test_removing_everything_leaves_no_index_behind():
    tables, empty = Tables(), Tables()
    tables.load("tasks", a_task("p", scope=("n1",), design="d"))
    tables.load("tasks", a_task("c", parent_task_id="p", status=RUNNING))
    tables.append_message("p", b'true,"message":"x"}')
    tables.load("boot_contexts", a_context("n1", "c1", design="d"))
    tables.load("boot_actions", a_boot_action("A"))
    tables.load("build_data", BuildRow(some_data("1"), "e"))
    tables.load("tasks", a_task("c", created="2025", status=COMPLETE, scope=("n2",)))
    for table, key in (
        ("tasks", "p"),
        ("tasks", "c"),
        ("boot_contexts", "n1"),
        ("boot_actions", "A"),
        ("build_data", "1"),
    ):
        tables.remove(table, key)
    for name in ("by_action", "_by_scope", "children", "actions_by_node", "actions_by_task"):
        assert getattr(tables, name) == {}, name
    for name in ("data_by_node", "data_by_task", "blob_uses", "logs", "intents_by_task"):
        assert getattr(tables, name) == {}, name
    orders = [tables.all_tasks, tables.unfinished_roots, *tables.by_status.values()]
    assert [len(order) for order in orders] == [0] * len(orders)
    assert tables.message_count == empty.message_count == 0


def test_a_blob_is_used_as_often_as_it_is_named():
    tables = Tables()
    tables.load("tasks", a_task("a", design="d"))
    tables.load("boot_contexts", a_context("n1", "c1", design="d"))
    assert tables.blob_uses == {"d": 2}
    tables.load("tasks", a_task("a", design="e"))
    assert tables.blob_uses == {"d": 1, "e": 1}


def test_a_log_shares_the_id_of_its_task():
    tables = Tables()
    tables.load("tasks", a_task("".join(["task", "-1"])))
    tables.append_message("".join(["task", "-1"]), b"false,{}")
    assert next(iter(tables.logs)) is tables.tasks["task-1"].task_id


def test_a_scope_in_another_order_leaves_the_index_of_its_nodes_alone():
    tables = Tables()
    tables.load("tasks", a_task("s", scope=("n1", "n2", "n3")))
    kept = tables._by_scope["n2"]

    tables.load("tasks", a_task("s", scope=("n3", "n2", "n4")))

    assert tables._by_scope["n2"] is kept
    assert tables.nodes_of_tasks() == ["n2", "n3", "n4"]
    assert list(tables.on_node("n4")) == ["s"]


def test_the_collector_need_not_look_at_records():
    tables = Tables()
    tables.load("tasks", a_task("p", status=RUNNING))
    tables.load("tasks", a_task("c", parent_task_id="p", scope=("n1",)))
    tables.load("boot_actions", a_boot_action("A"))
    tables.load("build_data", BuildRow(some_data("1")))
    linked = Result(links=(Link("detail_logs", "http://here/1"),))
    tables.load("tasks", a_task("l", result=linked))
    tables.append_message("p", b'true,"message":"x"}')

    rows = [row for table in tables.rows.values() for row in table.values()]
    parts = [tables.tasks["p"].result, tables.build_data["1"].record]
    parts += [tables.children["p"], tables.logs["p"], tables.logs["p"].tails]
    parts += [linked.links, *linked.links]
    parts += [*tables.actions_by_node.values(), *tables.data_by_node.values()]
    assert [value for value in (*rows, *parts) if gc.is_tracked(value)] == []
