"""Writes of the past, over folds, restarts and what is let go of."""

import pytest

from drydockd.model import BootAction, BootActionStatus, DriverRecord, Message, Task
from drydockd.store import folded
from drydockd.store.base import Edit, Put, Say
from drydockd.store.memory import MemoryStore
from drydockd.store.news import Wording
from drydockd.store.past import WritesGone
from drydockd.store.tiny import open_tiny
from tests.store.helpers import a_task


def read_all(store, after):
    """Return (number, records) of all writes behind `after`."""
    past = store.past(after)
    try:
        found = []
        while part := past.read(store.seq):
            found += part
        return found
    finally:
        past.close()


def texts(writes):
    return [r.message for write in writes for r in write.records if isinstance(r, Message)]


async def say(store, *words):
    for word in words:
        await store.write(Put(Message("t", word)))


@pytest.fixture
async def store(tmp_path):
    opened = await open_tiny(tmp_path / "state")
    await opened.write(Put(a_task("t")))
    yield opened
    await opened.close()


async def test_each_write_is_read_as_it_was(store):
    action = BootAction("A", "n1", "ba", "t", "c", BootActionStatus.SUCCESS, "2026")
    await store.write(
        Put(DriverRecord("d/x", "d", {})), Put(Message("t", "one")), Put(action), Put(a_task("u"))
    )
    await store.write(Say("t", Wording([Message("", "two"), Message("", "three")])))
    first, second = read_all(store, store.seq - 2)
    assert [type(record) for record in first.records] == [Message, BootAction, Task]
    assert first.records[1] == action
    assert [(m.task_id, m.seq, m.message) for m in second.records] == [
        ("t", 2, "two"),
        ("t", 3, "three"),
    ]
    assert second.records == store.messages("t", after=1)
    assert (first.seq, second.seq) == (store.seq - 1, store.seq)


async def test_a_fold_and_a_restart_hide_nothing(tmp_path):
    store = await open_tiny(tmp_path / "state")
    await store.write(Put(a_task("t")))
    reader = store.past(0)
    assert reader.read(store.seq)
    await say(store, "a", "b")
    await store.backend.compact()
    await say(store, "c")
    assert texts(reader.read(store.seq)) + texts(reader.read(store.seq)) == ["a", "b", "c"]
    await store.backend.compact()
    await say(store, "d")
    reader.close()
    await store.close()
    store = await open_tiny(tmp_path / "state")
    await say(store, "e")
    found = read_all(store, 0)
    assert texts(found) == ["a", "b", "c", "d", "e"]
    assert [write.seq for write in found] == list(range(1, store.seq + 1))
    assert texts(read_all(store, 3)) == ["c", "d", "e"]
    await store.close()


async def test_what_was_let_go_of_is_said_and_the_rest_follows(tmp_path):
    store = await open_tiny(tmp_path / "state", past_bytes=2_000)
    await store.write(Put(a_task("t")))
    for number in range(5):
        await say(store, f"{number}" * 800)
        await store.backend.compact()
    folder = tmp_path / "state" / "past"
    assert 0 < sum(path.stat().st_size for path in folder.iterdir()) <= 2_000
    past = store.past(0)
    with pytest.raises(WritesGone) as gone:
        past.read(store.seq)
    assert texts(read_all(store, gone.value.next)) == ["4" * 800]
    past.close()
    await store.close()
    store = await open_tiny(tmp_path / "state", past_bytes=0)
    await say(store, "x")
    await store.backend.compact()
    assert not list(folder.iterdir())
    await store.close()


async def test_many_small_journals_are_not_kept_without_end(store, tmp_path, monkeypatch):
    monkeypatch.setattr(folded, "MOST_FILES", 2)
    for number in range(4):
        await say(store, str(number))
        await store.backend.compact()
    assert len(list((tmp_path / "state" / "past").iterdir())) == 2
    past = store.past(0)
    with pytest.raises(WritesGone) as gone:
        past.read(store.seq)
    past.close()
    assert texts(read_all(store, gone.value.next)) == ["2", "3"]


async def test_a_damaged_line_is_a_gap_and_not_the_end(store, tmp_path):
    await say(store, "good", "broken", "after")
    await store.backend.compact()
    (kept,) = (tmp_path / "state" / "past").iterdir()
    kept.write_bytes(kept.read_bytes().replace(b"broken", b"br0ken"))
    await say(store, "later")
    past = store.past(1)
    assert texts(past.read(store.seq)) == ["good"]
    with pytest.raises(WritesGone) as gone:
        past.read(store.seq)
    past.close()
    assert texts(read_all(store, gone.value.next)) == ["later"]


async def test_a_reader_far_behind_takes_a_piece_at_a_time(store):
    await say(store, *("x" * 50_000 for _ in range(12)))
    past = store.past(0)
    parts = []
    while part := past.read(store.seq):
        parts.append(len(part))
    past.close()
    assert sum(parts) == store.seq
    assert max(parts) <= 6


async def test_a_line_longer_than_a_piece_is_read_whole(store):
    await say(store, "y" * 900_000)
    assert [len(text) for text in texts(read_all(store, 1))] == [900_000]


async def test_nothing_is_read_ahead_of_what_is_visible(store):
    await say(store, "a", "b")
    past = store.past(1)
    assert texts(past.read(2)) == ["a"]
    assert past.read(2) == []
    assert texts(past.read(3)) == ["b"]
    past.close()


async def test_a_journal_that_was_replaced_is_found_anew(store, tmp_path):
    """As after a sync that failed: another file with the same writes."""
    await say(store, "a")
    past = store.past(0)
    assert past.read(store.seq)
    journal = tmp_path / "state" / "drydock.journal"
    before = journal.read_bytes()
    old = past._descriptor
    await say(store, "b")
    whole = journal.read_bytes()
    spare = tmp_path / "spare"
    spare.write_bytes(whole)
    with journal.open("r+b") as file:
        file.truncate(len(before))
    spare.rename(journal)
    assert texts(past.read(store.seq)) == ["b"]
    assert old >= 0
    past.close()
    journal.write_bytes(whole)


async def test_a_disk_that_keeps_nothing_does_not_stop_the_fold(store, tmp_path, caplog):
    (tmp_path / "state" / "past").write_text("in the way")
    await say(store, "a")
    await store.backend.compact()
    assert "cannot be kept" in caplog.text
    assert store.messages("t")[0].message == "a"


async def test_edits_of_one_task_in_a_write_are_one_record(store):
    def ended(task):
        return a_task("t", created_by="me")

    await store.write(Edit(Task, "t", ended), Edit(Task, "t", lambda task: a_task("t")))
    (write,) = read_all(store, store.seq - 1)
    assert write.records == [a_task("t")]


async def test_memory_keeps_nothing():
    store = MemoryStore()
    await store.write(Put(a_task("t")))
    past = store.past(0)
    with pytest.raises(WritesGone) as gone:
        past.read(store.seq)
    assert gone.value.next == store.seq
    assert past.read(store.seq) == []
    past.close()


async def test_a_piece_ends_when_enough_was_told(store, monkeypatch):
    """What many get alike is short on disk: a piece of some bytes would be too much at once."""
    monkeypatch.setattr(folded, "_PIECE_RECORDS", 5)
    before = store.seq
    for _ in range(6):
        await store.write(Say("t", Wording([Message("", "x"), Message("", "y")])))
    reader = store.past(before)
    assert [len(reader.read(store.seq)) for _ in range(3)] == [3, 3, 0]
    reader.close()
