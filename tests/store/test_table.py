"""A running store as TinyDB tables."""

import pytest
from tinydb import where

from drydockd.store import Put
from drydockd.store.table import RecordsDB
from tests.store.helpers import RUNNING, a_message, a_task


@pytest.fixture
async def db(tiny):
    await tiny.write(Put(a_task("a")), Put(a_task("b", status=RUNNING)))
    await tiny.write(Put(a_message("a", "one")), Put(a_message("a", "two", error=True)))
    return RecordsDB(tiny._tables)


def test_queries_are_tinydbs_own(db):
    assert db.table("tasks").get(where("status") == "running")["task_id"] == "b"
    assert [m["message"] for m in db.table("messages").search(where("error") == True)] == ["two"]  # noqa: E712
    assert db.table("messages").get(doc_id=2)["message"] == "two"
    assert db.table("tasks").get(doc_id=9) is None
    assert db.table("boot_actions").all() == []
    assert db.table("of-somebody-else").get(doc_id=1) is None
    assert len(db.table("messages")) == 2
    assert db.tables() >= {"tasks", "messages"}
    assert db.storage.read()["tasks"]["1"]["task_id"] == "a"


def test_it_shows_what_is_there_now(tiny, db):
    table = db.table("tasks")
    assert len(table) == 2
    tiny._tables.remove("tasks", "a")
    assert [task["task_id"] for task in table] == ["b"]


@pytest.mark.parametrize(
    "change",
    [
        lambda db: db.table("tasks").insert({"task_id": "c"}),
        lambda db: db.table("tasks").truncate(),
        lambda db: db.drop_tables(),
    ],
)
def test_writing_is_refused_with_the_way_that_waits_for_the_disk(db, change):
    with pytest.raises(NotImplementedError, match=r"Store\.write"):
        change(db)
