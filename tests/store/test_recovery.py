"""From the files to the records; cuts and flips are in test_tiny."""

import asyncio
import os
from types import SimpleNamespace

import orjson
import pytest

from drydockd.errors import StoreRefused
from drydockd.model import Message
from drydockd.store import Put, recovery
from drydockd.store.base import Say
from drydockd.store.check import check
from drydockd.store.damage import Damage
from drydockd.store.lines import Header, Line, encode_header, encode_write
from drydockd.store.news import Wording
from drydockd.store.recovery import recover, recover_running
from drydockd.store.repair import repair
from drydockd.store.statedir import StateDir
from drydockd.store.tables import Tables
from drydockd.store.tiny import open_tiny
from tests.store.helpers import a_message, a_task, everything


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path)


def journal(path, after, *ops, store="me"):
    lines = [encode_write(seq, one, seq - 1) for seq, one in enumerate(ops, after + 1)]
    path.write_bytes(encode_header(Header(store, after)) + b"".join(lines))


NOTHING = b""


def test_an_empty_directory_has_no_records(state):
    found = recover(state)
    assert (found.seq, found.path, found.meta) == (0, None, None)


def test_the_next_journal_continues_the_journal(state):
    journal(state.journal, 0, NOTHING, NOTHING)
    journal(state.next_journal, 2, NOTHING)
    found = recover(state)
    assert (found.seq, found.path, found.is_promotable) == (3, state.next_journal, False)


def test_a_next_journal_never_written_to_does_not_count(state):
    journal(state.journal, 0, NOTHING)
    journal(state.next_journal, 0)
    assert recover(state).path == state.journal


def test_a_next_journal_that_leaves_a_gap_is_damage(state):
    journal(state.journal, 0, NOTHING)
    journal(state.next_journal, 2, NOTHING)
    with pytest.raises(Damage, match="does not continue from write 1"):
        recover(state)


def test_a_cut_journal_with_writes_after_it_is_damage(state):
    journal(state.journal, 0, NOTHING, NOTHING)
    state.journal.write_bytes(state.journal.read_bytes()[:-4])
    journal(state.next_journal, 1, NOTHING)
    with pytest.raises(Damage, match="later writes exist"):
        recover(state)


@pytest.mark.parametrize(
    "ops",
    [
        b'["messages",{"task_id":"a","seq":2,"error":false}]',
        b'["-planets","x"]',
        b'["tasks"]',
    ],
)
def test_a_write_that_makes_no_sense_is_damage_with_its_offset(state, ops):
    journal(state.journal, 0, NOTHING, ops)
    with pytest.raises(Damage, match=r"write 2 makes no sense") as caught:
        recover(state)
    assert caught.value.offset == state.journal.read_bytes().index(b"\n", 90) + 1


def test_a_record_of_an_unknown_kind_is_a_newer_drydockds(state):
    journal(state.journal, 0, b'["planets",{"name":"x"}]')
    with pytest.raises(StoreRefused, match="written by a newer version"):
        recover(state)


async def test_a_store_is_read_whole_while_it_is_written_and_compacted(tmp_path):
    """What is read is some moment between before and after the reading."""
    state = StateDir(tmp_path / "state")
    store = await open_tiny(state.path)
    await store.write(Put(a_task("a")))

    async def write_on():
        while True:
            await store.write(Put(a_message("a")))
            await store.backend.compact()

    writing = asyncio.create_task(write_on())
    for _ in range(30):
        before = store.health().messages
        found = await asyncio.to_thread(recover_running, state)
        assert before <= found.tables.message_count <= store.health().messages + 1
    writing.cancel()
    await asyncio.wait([writing])
    await store.close()


def test_reading_gives_up_on_a_directory_that_always_changes(state, monkeypatch):
    journal(state.journal, 0, b'["planets",{}]')
    inodes = iter(range(10_000))
    monkeypatch.setattr(recovery, "_identity", lambda state: [next(inodes) + 1])
    with pytest.raises(StoreRefused, match="changed 20 times"):
        recover_running(state)


def test_reading_where_nothing_is_says_so(state):
    with pytest.raises(StoreRefused, match="holds no records"):
        recover_running(state)
    assert os.listdir(state.path) == []


# -- less than was acknowledged: refused, told, left as it is, and repaired as far as that goes


FILES = ("drydock.json", "drydock.journal", "drydock.mark")


def contents(state):
    return {path.name: path.read_bytes() for path in state.path.iterdir() if path.is_file()}


def emptied(state, other):
    state.journal.write_bytes(b"")


def zeroed(state, other):
    state.journal.write_bytes(bytes(len(state.journal.read_bytes())))


def half_zeroed(state, other):
    content = state.journal.read_bytes()
    state.journal.write_bytes(content[:512] + bytes(len(content) - 512))


def cut_at_a_line(state, other):
    lines = state.journal.read_bytes().splitlines(keepends=True)
    state.journal.write_bytes(b"".join(lines[:2]))


def cut_to_its_first_line(state, other):
    state.journal.write_bytes(state.journal.read_bytes().splitlines(keepends=True)[0])


def cut_within_its_first_line(state, other):
    state.journal.write_bytes(state.journal.read_bytes()[:20])


def cut_within_an_acknowledged_line(state, other):
    state.journal.write_bytes(state.journal.read_bytes()[:-20])


def without_a_journal(state, other):
    state.journal.unlink()


def without_both(state, other):
    state.journal.unlink()
    state.file.unlink()


def with_an_older_file(state, other):
    state.file.write_bytes((other / "older.json").read_bytes())


def with_an_older_journal(state, other):
    state.journal.write_bytes((other / "older.journal").read_bytes())


def with_both_older(state, other):
    with_an_older_file(state, other)
    with_an_older_journal(state, other)


def with_a_journal_of_another_store(state, other):
    state.journal.write_bytes((other / "drydock.journal").read_bytes())


def with_both_of_another_store(state, other):
    state.journal.write_bytes((other / "drydock.journal").read_bytes())
    state.file.write_bytes((other / "drydock.json").read_bytes())


# What was done to the files, what is said, and which tasks a repair keeps.
LESS = [
    (emptied, "writes 4 to 7 were acknowledged", 3),
    (zeroed, "writes 4 to 7 were acknowledged", 3),
    (half_zeroed, "were acknowledged", None),
    (cut_at_a_line, "writes 5 to 7 were acknowledged", 4),
    (cut_to_its_first_line, "writes 4 to 7 were acknowledged", 3),
    (cut_within_its_first_line, "first line is not there", 3),
    (cut_within_an_acknowledged_line, "writes 7 to 7 were acknowledged", 6),
    (without_a_journal, "writes 4 to 7 were acknowledged", 3),
    (with_an_older_file, "continues from write", None),
    (with_an_older_journal, "were acknowledged|holds all up to", 3),
    (with_both_older, "of an earlier moment", 2),
    (with_a_journal_of_another_store, "belongs to another store", 3),
    (with_both_of_another_store, "not those that were written here", 1),
]


@pytest.fixture
async def damaged(tmp_path, request):
    """A store with seven acknowledged writes to which something was done."""
    state = StateDir(tmp_path / "state")
    other = tmp_path / "other"
    store = await open_tiny(other)
    await store.write(Put(a_task("foreign")))
    await store.backend.compact()
    await store.close()
    store = await open_tiny(state.path)
    await store.write(Put(a_task("t0")))
    await store.write(Put(a_task("t1")))
    await store.backend.compact()
    (other / "older.json").write_bytes(state.file.read_bytes())
    (other / "older.journal").write_bytes(state.journal.read_bytes())
    await store.write(Put(a_task("t2")))
    await store.backend.compact()
    for number in range(3, 7):
        await store.write(Put(a_task(f"t{number}")))
    kept = contents(state)
    await store.close()
    for name, content in kept.items():  # as a kill leaves it, not a clean stop
        (state.path / name).write_bytes(content)
    request.param(state, other)
    return state


@pytest.mark.parametrize(
    ("damaged", "said", "kept"),
    [pytest.param(*case, id=case[0].__name__) for case in LESS],
    indirect=["damaged"],
)
async def test_less_than_was_acknowledged_is_refused_and_nothing_is_touched(damaged, said, kept):
    before = contents(damaged)
    problem = check(damaged).problems[0]
    with pytest.raises(StoreRefused, match=said) as refusal:
        await open_tiny(damaged.path)
    assert str(refusal.value) == problem
    assert f"drydock store repair --state-dir {damaged.path}" in problem
    after = contents(damaged)
    assert {n: c for n, c in after.items() if n != "lock"} == {
        n: c for n, c in before.items() if n != "lock"
    }
    done = repair(damaged)
    assert done.originals
    assert {path.name: path.read_bytes() for path in done.originals.iterdir()} == {
        name: content for name, content in before.items() if name in FILES
    }
    assert done.dropped
    assert check(damaged).problems == []
    store = await open_tiny(damaged.path)
    assert kept is None or len(store.tasks()) == kept
    assert store.seq > 7
    await store.close()


@pytest.mark.parametrize("damaged", [without_both], indirect=True)
async def test_a_store_of_which_only_the_mark_is_left_is_not_begun_anew(damaged):
    assert "all records are missing (writes 1 to 7" in check(damaged).problems[0]
    with pytest.raises(StoreRefused, match="restore a backup"):
        await open_tiny(damaged.path)
    assert sorted(contents(damaged)) == ["drydock.mark", "lock"]


async def test_blobs_without_records_are_not_swept(tmp_path):
    state = StateDir(tmp_path / "state")
    store = await open_tiny(state.path)
    digest = await store.put_blob(b"design")
    await store.close()
    for path in (state.file, state.journal, state.mark):
        path.unlink(missing_ok=True)
    with pytest.raises(StoreRefused, match=r"1 blobs but neither drydock.json nor"):
        await open_tiny(state.path)
    assert (state.blobs / digest).exists()


async def test_a_next_journal_alone_is_no_new_store(tmp_path):
    state = StateDir(tmp_path / "state")
    state.path.mkdir(mode=0o700)
    journal(state.next_journal, 2, NOTHING)
    state.next_journal.chmod(0o600)
    with pytest.raises(StoreRefused, match=r"is missing beside drydock\.journal\.next"):
        await open_tiny(state.path)
    assert state.next_journal.exists()


async def test_a_write_cut_short_is_dropped_but_kept_beside(tmp_path):
    state = StateDir(tmp_path / "state")
    store = await open_tiny(state.path)
    await store.write(Put(a_task("a")))
    content = state.journal.read_bytes()
    await store.close()
    state.file.unlink()
    state.journal.write_bytes(content + b"0123abcd")
    store = await open_tiny(state.path)
    assert [task.task_id for task in store.tasks()] == ["a"]
    await store.close()
    assert [path.read_bytes() for path in state.path.glob("damaged-*/*.tail")] == [b"0123abcd"]


async def test_a_store_of_before_the_mark_is_read_and_gets_one(tmp_path):
    state = StateDir(tmp_path / "state")
    store = await open_tiny(state.path)
    await store.write(Put(a_task("a")))
    await store.close()
    state.mark.unlink()
    assert check(state).problems == []
    store = await open_tiny(state.path)
    assert store.task("a")
    assert state.mark.exists()
    await store.close()


TWO = Wording([Message("", "well"), Message("", "but", error=True)])


async def test_what_many_were_told_is_there_after_a_kill(tmp_path):
    store = await open_tiny(tmp_path / "state")
    await store.write(*map(Put, map(a_task, "abc")), Put(a_message("b")))
    await store.write(*(Say(name, TWO) for name in "abc"))
    await store.write(Say("a", TWO))
    before = everything(store)
    tables = recover(StateDir(tmp_path / "state")).tables
    assert everything(SimpleNamespace(_tables=tables)) == before
    assert [m.seq for m in store.messages("b")] == [1, 2, 3]
    assert tables.logs["a"].errors == 2
    # They share the text in memory, as before.
    assert tables.logs["a"].tails[0] is tables.logs["c"].tails[0]
    await store.close()


@pytest.mark.parametrize(
    "said", ['{"task_id":"a","after":1,"messages":[]}', '{"task_id":"a","after":0}', '{"after":0}']
)
def test_a_saying_that_does_not_fit_is_damage(tmp_path, said):
    tables = Tables()
    line = Line(7, [["said", orjson.loads(said)]], 99, 120)
    with pytest.raises(Damage, match="write 7 makes no sense"):
        recovery.apply_line(tables, line, tmp_path)
