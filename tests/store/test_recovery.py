"""From the files to the records; cuts and flips are in test_tiny."""

import asyncio
import os

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import Put, recovery
from drydockd.store.damage import Damage
from drydockd.store.lines import Header, encode_header, encode_write
from drydockd.store.recovery import recover, recover_running
from drydockd.store.statedir import StateDir
from drydockd.store.tiny import open_tiny
from tests.store.helpers import a_message, a_task


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
