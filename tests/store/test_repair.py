"""Repairs: what is kept, what is said, and that the original stays."""

import pytest

from drydockd.errors import StoreRefused
from drydockd.model import Message, Task
from drydockd.store import Put, Remove
from drydockd.store.base import Say
from drydockd.store.check import check
from drydockd.store.lines import encode_write
from drydockd.store.news import Wording
from drydockd.store.repair import repair
from drydockd.store.statedir import StateDir
from drydockd.store.tiny import open_tiny
from tests.store.helpers import a_context, a_message, a_task, everything, some_data

LONG = "x" * 5000


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


async def fill(state, *, through_file=False, tasks=6):
    """A write each: task, message. Leaves everything in the journal, or in the file."""
    store = await open_tiny(state.path)
    for number in range(tasks):
        name = f"t{number}"
        await store.write(Put(a_task(name)), Put(a_message(name, "step " + "y" * 100)))
    await store.write(Put(a_context("n1", "c1")), Put(some_data("1", LONG)))
    journal = state.journal.read_bytes()
    await store.close()
    if not through_file:
        state.journal.write_bytes(journal)
        state.file.unlink()
    return everything(store)


async def names_after(state):
    assert check(state).problems == []
    store = await open_tiny(state.path)
    names = [task.task_id for task in store.tasks()]
    assert all(len(store.messages(name)) == 1 for name in names)
    await store.write(Put(a_task("new")))
    await store.close()
    return names


async def test_what_is_whole_is_left_alone(state):
    await fill(state)
    before = {path.name: path.read_bytes() for path in state.path.iterdir() if path.is_file()}
    done = repair(state)
    assert done.originals is None
    assert "6 tasks" in done.kept
    after = {path.name: path.read_bytes() for path in state.path.iterdir() if path.is_file()}
    assert after.keys() == before.keys()
    assert after["drydock.journal"] == before["drydock.journal"]


async def test_what_many_were_told_is_kept_behind_the_damage(state):
    store = await open_tiny(state.path)
    await store.write(Put(a_task("a")), Put(a_task("b")))
    await store.write(Put(a_context("lost", "c1")))
    words = Wording([Message("", "well"), Message("", "done")])
    await store.write(Say("a", words), Say("b", words))
    journal = state.journal.read_bytes()
    await store.close()
    state.file.unlink()
    state.journal.write_bytes(journal.replace(b'"lost"', b'"last"'))
    repair(state)
    store = await open_tiny(state.path)
    told = {name: [m.message for m in store.messages(name)] for name in "ab"}
    assert told == {"a": ["well", "done"], "b": ["well", "done"]}
    await store.close()


async def test_of_a_journal_only_the_damaged_line_is_lost(state):
    await fill(state)
    content = state.journal.read_bytes()
    lines = content.split(b"\n")
    offset = sum(len(line) + 1 for line in lines[:4])
    damaged = bytearray(content)
    damaged[offset + 40] ^= 1
    state.journal.write_bytes(damaged)
    done = repair(state)
    assert done.dropped == [
        f"drydock.journal, byte {offset}: the line does not match its checksum; dropped"
        f" {len(lines[4]) + 1} bytes",
        "write 4: not to be read any more",
    ]
    assert (done.originals / "drydock.journal").read_bytes() == damaged
    assert await names_after(state) == ["t0", "t1", "t2", "t4", "t5"]
    assert repair(state).originals is None


async def test_what_comes_after_a_lost_message_is_kept(state):
    store = await open_tiny(state.path)
    await store.write(Put(a_task("a")))
    for text in ("one", "two", "three"):
        await store.write(Put(a_message("a", text)))
    journal = state.journal.read_bytes()
    await store.close()
    state.file.unlink()
    state.journal.write_bytes(journal.replace(b'"two"', b'"tw0"'))
    repair(state)
    store = await open_tiny(state.path)
    assert [message.message for message in store.messages("a")] == ["one", "three"]
    await store.close()


async def test_a_write_that_makes_no_sense_is_dropped_and_told(state):
    await fill(state)
    with state.journal.open("ab") as file:
        file.write(encode_write(8, b'["planets",{"name":"x"}]', 7))
    assert "write 8 makes no sense" in repair(state).dropped[0]
    assert len(await names_after(state)) == 6


async def test_what_was_removed_before_the_damage_stays_removed(state):
    store = await open_tiny(state.path)
    await store.write(Put(a_task("a")), Put(a_task("b")), Put(a_message("b")))
    await store.write(Remove(Task, "a"))
    await store.write(Put(a_task("c")))
    journal = state.journal.read_bytes()
    await store.close()
    state.file.unlink()
    state.journal.write_bytes(journal[:-3] + b"X" + journal[-2:])
    repair(state)
    assert await names_after(state) == ["b"]


async def test_of_a_file_only_the_lines_with_damage_are_lost(state):
    """Twenty bytes cost what they are in, not the 256 KiB around them."""
    await fill(state, through_file=True, tasks=500)
    content = bytearray(state.file.read_bytes())
    at = content.index(b'"task_id":"t250"')
    content[at : at + 20] = b"\xff" * 20
    state.file.write_bytes(content)
    done = repair(state)
    assert "a line of" in done.dropped[0]
    assert done.dropped[1:] == ["1 messages of task t250, which is lost"]
    assert len(done.doubtful) == 1
    assert done.doubtful[0].startswith("drydock.json, bytes 0 to")
    assert set(await names_after(state)) == {f"t{n}" for n in range(500) if n != 250}
    assert (done.originals / "drydock.json").read_bytes() == content


async def test_a_newline_that_is_another_byte_costs_no_record(state):
    await fill(state, through_file=True)
    content = state.file.read_bytes()
    at = content.index(b'\n"3":{"task_id"')
    state.file.write_bytes(content[:at] + b"\x00" + content[at + 1 :])
    done = repair(state)
    assert not done.dropped
    assert await names_after(state) == [f"t{n}" for n in range(6)]


async def test_a_newline_where_none_was_costs_one_record(state):
    await fill(state, through_file=True)
    content = state.file.read_bytes()
    at = content.index(b'"task_id":"t3"')
    state.file.write_bytes(content[:at] + b"\n" + content[at + 1 :])
    repair(state)
    assert await names_after(state) == ["t0", "t1", "t2", "t4", "t5"]


async def test_a_damaged_mark_costs_nothing(state):
    await fill(state, through_file=True)
    state.mark.write_bytes(bytes(128))
    assert "drydock.mark" in repair(state).dropped[0]
    assert len(await names_after(state)) == 6


async def test_a_file_without_its_end_is_kept_as_far_as_it_goes(state):
    await fill(state, through_file=True)
    content = state.file.read_bytes()
    state.file.write_bytes(content[: content.index(b'"boot_contexts"') + 40])
    done = repair(state)
    assert "its end, with the checksums, is missing" in done.dropped[0]
    assert await names_after(state) == [f"t{number}" for number in range(6)]


async def test_without_a_journal_the_file_is_kept_and_the_loss_is_told(state):
    await fill(state, through_file=True)
    state.journal.unlink()
    assert repair(state).dropped == ["drydock.journal: it is missing, with the writes in it"]
    assert len(await names_after(state)) == 6


async def test_without_a_file_the_journal_is_kept_and_the_loss_is_told(state):
    await fill(state, through_file=True)
    store = await open_tiny(state.path)
    await store.write(Put(a_task("later")), Put(a_message("later")))
    journal = state.journal.read_bytes()
    await store.close()
    state.journal.write_bytes(journal)
    state.file.unlink()
    assert repair(state).dropped == ["drydock.json: it is missing, with all writes up to 7"]
    assert await names_after(state) == ["later"]


async def test_a_journal_of_another_store_is_dropped(state, tmp_path):
    await fill(state, through_file=True)
    other = StateDir(tmp_path / "other")
    await fill(other)
    state.journal.write_bytes(other.journal.read_bytes())
    assert "belongs to another store; dropped all of its 7 writes" in repair(state).dropped[0]
    assert len(await names_after(state)) == 6


async def test_records_without_their_blob_go(state):
    await fill(state, through_file=True)
    blob = next(state.blobs.iterdir())
    blob.write_bytes(b"z" + blob.read_bytes()[1:])
    done = repair(state)
    assert "build data 1 (lshw of n1): its blob" in done.dropped[0]
    assert (done.originals / blob.name).read_bytes().startswith(b"z")
    assert not blob.exists()
    assert len(await names_after(state)) == 6


async def test_a_running_daemon_is_not_repaired(tiny, state):
    await tiny.write(Put(a_task("a")))
    with pytest.raises(StoreRefused, match="in use by process"):
        repair(state)


def test_where_nothing_is_nothing_is_repaired(state):
    with pytest.raises(StoreRefused, match="holds no records"):
        repair(state)
    assert not state.path.exists()


async def test_a_file_of_a_newer_drydockd_is_left_alone(state, monkeypatch):
    from drydockd.store import lines

    monkeypatch.setattr(lines, "FORMAT", 9)
    await fill(state)
    monkeypatch.undo()
    before = state.journal.read_bytes()
    with pytest.raises(StoreRefused, match="has format 9"):
        repair(state)
    assert state.journal.read_bytes() == before


@pytest.mark.parametrize("lost", ["a line", "the journal", "the journal's first line", "meta"])
@pytest.mark.parametrize("clock", ["right", "set back"])
async def test_no_number_is_given_twice_after_a_repair(state, monkeypatch, lost, clock):
    await fill(state, through_file=lost == "meta")
    store = await open_tiny(state.path)
    await store.write(Put(a_task("last")), Put(a_message("last")))
    seq, origin, journal = store.seq, store.origin, state.journal.read_bytes()
    await store.close()
    if lost == "a line":
        state.journal.write_bytes(journal[:-9] + b"x" + journal[-8:])
        state.file.unlink()
    elif lost == "the journal":
        state.journal.unlink()
    elif lost == "meta":
        state.file.write_bytes(state.file.read_bytes()[:-200])
    else:
        state.journal.write_bytes(b"x" + journal[1:])
    if clock == "set back":
        monkeypatch.setattr("time.time_ns", lambda: 1)
    assert repair(state).originals
    store = await open_tiny(state.path)
    assert store.seq > seq
    assert store.origin >= origin or clock == "set back"
    came = [store.arrival(task.task_id) for task in store.unfinished()]
    await store.write(Put(a_task("new")))
    assert store.unfinished()[-1].task_id == "new"
    assert store.arrival("new") > seq >= max(came)
    await store.close()
