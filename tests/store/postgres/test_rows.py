"""Batches as rows, and back: what is told of a write is the same on every daemon."""

from dataclasses import replace

from drydockd.model import Message, Task
from drydockd.store import Edit, Put, Remove
from drydockd.store.base import Say
from drydockd.store.news import Unread, Wording
from drydockd.store.postgres.rows import (
    Packed,
    answered,
    foreign,
    messages_of,
    settle,
    size,
    written,
)
from drydockd.store.staging import SLICE, Staging, apply
from drydockd.store.tables import Tables
from tests.store.helpers import a_message, a_task, some_data
from tests.store.postgres.told import head

WORDING = Wording([Message("", "one"), Message("", "two", error=True)])


def lines(batch, seq=1):
    """What the database would give of a batch."""
    _, _, ords, tabs, keys, docs, _, _, _, m_ords, m_keys, m_docs = Packed([batch], [1]).arguments()
    found = [(seq, *row) for row in zip(ords, tabs, keys, docs, strict=True)]
    found += [
        (seq, ord_, "messages", key, doc)
        for ord_, key, doc in zip(m_ords, m_keys, m_docs, strict=True)
    ]
    return sorted(found)


def test_messages_of_others_are_kept_as_they_came_until_somebody_reads_them():
    staging = Staging(Tables())
    batch = staging.stage([Put(a_task("a")), Put(a_message("a", "x")), Say("a", WORDING)])
    parts = foreign(lines(batch), {}).news.parts
    assert [type(part) for part in parts] == [Task, Unread, Unread, Unread]
    assert [part.message() for part in parts[1:]] == list(batch.news)[1:]
    assert {part.task_id for part in parts} == {"a"}


def test_another_daemon_makes_of_the_rows_what_this_one_did():
    here, there = Tables(), Tables()
    staging = Staging(here)
    for changes in (
        [Put(a_task("a")), Put(a_message("a")), Say("a", WORDING)],
        [Edit(Task, "a", lambda task: replace(task, retry=1)), Put(some_data("1"))],
        [Put(a_message("a", error=True)), Edit(Task, "a", lambda task: replace(task, retry=2))],
        [Remove(Task, "a"), Put(a_task("a", retry=3)), Put(a_message("a", "new"))],
    ):
        batch = staging.stage(changes)
        settle(batch, here.logs)
        other = foreign(lines(batch), there.logs)
        assert list(other.news) == list(batch.news)
        apply(batch.ops, here, 1)
        staging.landed(batch, batch.ops)
        apply(other.ops, there, 1)
        assert here.rows == there.rows
        assert here.logs["a"].tails == there.logs["a"].tails


def test_messages_that_others_were_ahead_of_are_told_by_the_number_they_land_with():
    tables = Tables()
    staging = Staging(tables)
    apply(staging.stage([Put(a_task("a"))]).ops, tables, 1)
    batch = staging.stage([Put(a_message("a", "mine")), Say("a", WORDING)])
    assert [message.seq for message in batch.news] == [1, 2, 3]
    tables.append_messages("a", [b"false,}", b"false,}"])
    settle(batch, tables.logs)
    assert [message.seq for message in batch.news] == [3, 4, 5]


def test_of_what_one_write_put_twice_the_last_is_told():
    tables = Tables()
    batch = Staging(tables).stage(
        [Put(a_task("a")), Edit(Task, "a", lambda task: replace(task, retry=1))]
    )
    settle(batch, tables.logs)
    assert [task.retry for task in batch.news] == [1]


def test_the_place_of_a_record_is_where_its_life_began():
    staging = Staging(Tables())
    batches = [
        staging.stage([Put(a_task("a")), Put(a_task("b"))]),
        staging.stage([Edit(Task, "b", lambda task: replace(task, retry=1))]),
        staging.stage([Remove(Task, "a"), Put(a_task("a"))]),
    ]
    born = list(zip(*Packed(batches, [1, 1, 1]).arguments()[6:8], strict=True))
    assert born == [(1, 0), (1, 1), (1, 1), (3, 0), (3, 1)]


def test_a_batch_is_as_long_as_what_is_in_it():
    staging = Staging(Tables())
    task = staging.stage([Put(a_task("a"))])
    said = staging.stage([Put(a_message("a", "x" * 1000)), Say("a", WORDING)])
    assert size(task) > 200
    assert 1100 < size(said) < 2000


def test_the_removal_of_many_lands_in_slices():
    gone = [(1, number, "tasks", f"{number}", None) for number in range(SLICE + 1)]
    assert foreign(gone, {}).is_long
    assert not foreign(gone[:-1], {}).is_long


def test_writes_are_told_apart():
    told = [
        (4, -1, "", "", head(1, 7, 50, 99, b"c")),
        (4, 0, "tasks", "a", None),
        (5, -1, "", "", head(2, 8, 60, 99, b"d")),
    ]
    first, second = written(told)
    assert (first.seq, first.member, first.n, first.size, first.micros) == (4, 1, 7, 50, 99)
    assert (first.chain, len(first.lines), second.lines) == (b"c", 1, [])
    assert written([]) == []


def test_writes_of_an_answer_are_told_apart_and_one_may_have_left_nothing():
    heads = (
        head(1, 7, 50, 99, b"c" * 32) + head(1, 8, 60, 99, b"d" * 32) + head(1, 9, 1, 99, b"e" * 32)
    )
    lines = [(4, "tasks", "a", b"1"), (4, None, "a", b"m"), (6, None, "a", b"n")]
    first, second, third = answered(3, heads, lines)
    assert (first.seq, first.member, first.n, first.size, first.micros) == (4, 1, 7, 50, 99)
    assert (first.chain, second.chain, third.seq) == (b"c" * 32, b"d" * 32, 6)
    assert first.lines == [(4, 0, "tasks", "a", b"1"), (4, 0, "messages", "a", b"m")]
    assert (second.lines, len(third.lines)) == ([], 1)


def test_a_write_of_messages_only_is_told_from_one_that_did_more():
    staging = Staging(Tables())
    task = staging.stage([Put(a_task("a")), Put(a_message("a", "x"))])
    said = staging.stage([Put(a_message("a", "y")), Say("a", WORDING)])
    assert messages_of(lines(task)) is None
    found = messages_of(lines(said))
    assert [part.message() for part in foreign(lines(said), {}).news.parts] == [
        Unread("a", seq, tail).message() for seq, (_, tail) in enumerate(found, 1)
    ]
    assert messages_of([]) == []
