import pytest

from drydockd.migrate import queries
from drydockd.migrate.queries import Table
from tests.migrate.original import SCHEMA

TABLE = Table("t", ("a", "b"), later=("c",), named={"b": "old_b"}, texts=("b",), limit=10)


def test_a_column_is_found_under_its_older_name_and_a_missing_one_is_null():
    assert TABLE.missing(["a", "old_b"]) == []
    assert TABLE.missing(["b"]) == ["a"]
    selected = TABLE.selected(["a", "old_b"], "x")
    assert "x.old_b::text END AS b" in selected
    assert "NULL AS c" in selected


def test_what_is_too_long_is_not_read_but_named(postgres):
    postgres.run(
        "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'short'), (2, 'over ten!!!')"
    )
    found = postgres.run(f"SELECT {TABLE.selected(['a', 'b'], 't')} FROM t ORDER BY a").splitlines()
    assert found == ["1|short||", "2|||b"]


@pytest.mark.parametrize(
    "ask",
    [queries.tasks, queries.messages, queries.contexts, queries.actions, queries.build_data],
)
def test_each_question_is_understood(postgres, ask):
    postgres.run(SCHEMA)
    columns = {t.name: (*t.columns, *t.later) for t in queries.TABLES}
    assert postgres.run(ask(columns)) == ""


def test_parents_come_first_and_circles_and_orphans_not_at_all(postgres):
    rows = [("a", "NULL", 3), ("b", "'a'", 2), ("c", "'b'", 1), ("d", "NULL", 1)]
    rows += [("e", "'gone'", 1), ("f", "'g'", 1), ("g", "'f'", 1)]
    values = ", ".join(f"('{task}', {above}, '2026-01-0{day}')" for task, above, day in rows)
    postgres.run(f"{SCHEMA}; INSERT INTO tasks (task_id, parent_task_id, created) VALUES {values}")
    columns = {t.name: (*t.columns, *t.later) for t in queries.TABLES}
    found = [line.split("|")[:2] for line in postgres.run(queries.tasks(columns)).splitlines()]
    assert [bytes.fromhex(task[2:]).decode() for _, task in found] == ["d", "a", "b", "c"]
    assert [place for place, _ in found] == ["1", "2", "3", "4"]
