"""The records as they were, while they change."""

from drydockd.store import frozen as module
from drydockd.store.tables import Tables
from tests.store.helpers import a_task


def test_a_frozen_walk_survives_departures_and_returns():
    tables = Tables()
    for number in range(10):
        tables.load("tasks", a_task(str(number)))
        tables.append_message(str(number), b"false,}")
    frozen = tables.freeze()
    walk = frozen.slices("tasks", 3)
    found = [task.task_id for task in next(walk)]
    for number in (1, 5, 9):
        tables.remove("tasks", str(number))
    tables.load("tasks", a_task("5", retry=3))
    tables.append_message("5", b"false,}")
    tables.append_message("6", b"false,}")
    tables.load("tasks", a_task("new"))
    rows = [task for rows in walk for task in rows]
    assert found + [task.task_id for task in rows] == [str(number) for number in range(10)]
    assert {task.retry for task in rows} == {0}
    assert [len(tails) for _, tails in frozen.message_tails()] == [1] * 10


def test_keys_are_listed_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(module, "KEYS_AT_ONCE", 3)
    tables, ways = Tables(), []
    for number in range(10):
        tables.load("tasks", a_task(str(number)))

    frozen = tables.freeze(lambda: ways.append("given"))

    assert len(ways) == 4
    rows = [task.task_id for rows in frozen.slices("tasks", 2) for task in rows]
    assert rows == [str(number) for number in range(10)]
