"""A snapshot overtakes what is in memory, and tells what is new in it."""

from dataclasses import replace

from drydockd.model import Message, Task
from drydockd.store.postgres.reloading import overtake
from drydockd.store.tables import Tables
from tests.store.helpers import a_boot_action, a_task


def filled(*rows, tails=()):
    tables = Tables()
    for table, row, arrival in rows:
        tables.load(table, row, arrival)
    for task_id, texts in tails:
        tables.append_messages(task_id, [b'false,"message":"%b"}' % text for text in texts])
    return tables


def test_all_is_as_it_is_there_and_only_what_is_new_is_told():
    old = filled(
        ("tasks", a_task("same"), 1),
        ("tasks", a_task("changed"), 2),
        ("tasks", a_task("gone"), 3),
        ("tasks", a_task("another"), 4),
        ("boot_actions", a_boot_action("A"), 0),
        tails=[("same", [b"1"]), ("another", [b"old", b"older"])],
    )
    new = filled(
        ("tasks", a_task("same"), 1),
        ("tasks", replace(a_task("changed"), retry=1), 2),
        ("tasks", a_task("another"), 9),
        ("tasks", a_task("new"), 10),
        tails=[("same", [b"1", b"2"]), ("another", [b"new"])],
    )
    news = list(overtake(old, new))
    assert old.rows == new.rows
    assert old.arrival == new.arrival
    assert {key: log.tails for key, log in old.logs.items()} == {
        key: log.tails for key, log in new.logs.items()
    }
    assert old.message_count == new.message_count == 3
    assert list(old.unfinished_roots) == list(new.unfinished_roots)
    assert {r.task_id for r in news if isinstance(r, Task)} == {"changed", "another", "new"}
    said = [(r.task_id, r.seq, r.message) for r in news if isinstance(r, Message)]
    assert sorted(said) == [("another", 1, "new"), ("same", 2, "2")]


def test_a_subtask_put_again_under_its_name_begins_its_messages_anew():
    old = filled(("tasks", a_task("kid", parent_task_id="p"), 0), tails=[("kid", [b"a", b"b"])])
    new = filled(("tasks", a_task("kid", parent_task_id="p"), 0), tails=[("kid", [b"c"])])
    overtake(old, new)
    assert old.logs["kid"].tails == new.logs["kid"].tails
