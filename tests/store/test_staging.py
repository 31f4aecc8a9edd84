"""Changes become batches."""

import json
from dataclasses import replace

import pytest

from drydockd.errors import Conflict, InvalidInput, NotFound
from drydockd.model import Message, Task
from drydockd.store import Edit, Put, Remove, Say
from drydockd.store.lines import encode_ops, spread
from drydockd.store.news import Wording
from drydockd.store.staging import Staging, apply
from drydockd.store.tables import Tables
from tests.store.helpers import a_message, a_task, some_data


@pytest.fixture
def staging():
    return Staging(Tables())


def retry(task):
    return replace(task, retry=task.retry + 1)


def test_an_edit_sees_what_is_still_on_its_way(staging):
    staging.stage([Put(a_task("a"))])
    batch = staging.stage([Edit(Task, "a", retry), Edit(Task, "a", retry)])
    assert batch.rows["tasks", "a"].retry == 2


def test_what_is_forgotten_was_never_there(staging):
    staging.stage([Put(a_task("a")), Put(a_message("a"))])
    staging.forget()
    with pytest.raises(NotFound):
        staging.stage([Edit(Task, "a", retry)])


def test_a_refused_batch_leaves_no_trace(staging):
    staging.stage([Put(a_task("a"))])

    def refuse(task):
        raise Conflict

    with pytest.raises(Conflict):
        staging.stage([Put(a_message("a")), Edit(Task, "a", retry), Edit(Task, "a", refuse)])
    batch = staging.stage([Edit(Task, "a", retry), Put(a_message("a"))])
    assert batch.rows["tasks", "a"].retry == 1
    assert batch.news[1].seq == 1


def test_landing_an_older_batch_keeps_the_newer_value_on_top():
    tables = Tables()
    staging = Staging(tables)
    first = staging.stage([Put(a_task("a")), Put(a_message("a"))])
    staging.stage([Edit(Task, "a", retry), Put(a_message("a"))])
    apply(first.ops, tables, 1)
    staging.landed(first, first.ops)
    third = staging.stage([Edit(Task, "a", retry), Put(a_message("a"))])
    assert third.rows["tasks", "a"].retry == 2
    assert third.news[1].seq == 3
    assert tables.tasks["a"].retry == 0


def test_removing_what_is_not_there_is_no_change(staging):
    assert staging.stage([Remove(Task, "a")]).ops == []


def test_a_removed_task_takes_no_message(staging):
    staging.stage([Put(a_task("a"))])
    with pytest.raises(NotFound):
        staging.stage([Remove(Task, "a"), Put(a_message("a"))])


def test_messages_of_a_task_that_comes_again_are_counted_anew(staging):
    staging.stage([Put(a_task("a")), Put(a_message("a"))])
    batch = staging.stage([Remove(Task, "a"), Put(a_task("a")), Put(a_message("a"))])
    assert batch.news[-1].seq == 1


def test_a_record_that_one_write_changes_twice_is_written_once(staging):
    batch = staging.stage([Put(a_task("a")), Put(a_message("a")), Edit(Task, "a", retry)])
    assert [(table, key) for table, key, _, _ in batch.ops] == [("tasks", "a"), ("messages", "a")]
    written = [document for table, _, _, document in batch.ops if table == "tasks"]
    assert [json.loads(document)["retry"] for document in written] == [1]
    # Who watches is told of each.
    assert [record.retry for record in batch.news if isinstance(record, Task)] == [0, 1]


def test_what_is_removed_and_put_again_is_there_in_the_end(staging):
    tables = Tables()
    batch = staging.stage([Put(a_task("a")), Remove(Task, "a"), Put(retry(a_task("a")))])
    assert all(document for _, _, row, document in batch.ops if row is not None)
    apply(batch.ops, tables, 1)
    assert tables.tasks["a"].retry == 1


def test_a_record_that_cannot_be_written_is_refused_before_anything_is_staged(staging):
    with pytest.raises(InvalidInput):
        staging.stage([Put(replace(a_task("a"), node_filter={"x": object()}))])
    assert staging.is_empty()


@pytest.mark.parametrize(("size", "blobs"), [(4096, 0), (4097, 1)])
def test_an_element_over_4_kib_is_a_blob(staging, size, blobs):
    batch = staging.stage([Put(some_data("1", "x" * size))])
    assert len(batch.blobs) == blobs
    assert len(batch.news[0].data_element) == size


def test_a_wording_is_written_for_each_task_behind_what_was_said_of_it(staging):
    words = Wording([Message("", 'all "well"\0'), Message("", "not", error=True)])
    ids = ("a", 'b"', "c")
    staging.stage([*(Put(a_task(task_id)) for task_id in ids), Put(a_message("c"))])
    batch = staging.stage([Say(task_id, words) for task_id in ids])

    written = list(spread(json.loads(b"[%b]" % encode_ops(batch.ops))))
    assert {table for table, _ in written} == {"messages"}
    assert [(d["task_id"], d["seq"], d["message"], d["error"]) for _, d in written] == [
        (task_id, first + more, message.message, message.error)
        for task_id, first in zip(ids, (1, 1, 2), strict=True)
        for more, message in enumerate(words.messages)
    ]
    assert {d["ts"] for _, d in written} == {batch.moment()}


def test_who_is_told_the_same_in_one_write_keeps_one_text(staging):
    """Of the tasks that validated a design together memory holds its findings once."""
    words = Wording([Message("", "well")])
    staging.stage([Put(a_task("a")), Put(a_task("b"))])
    first, second = staging.stage([Say("a", words), Say("b", words)]).ops
    assert first[2] is second[2]
