"""The journal being written; whole fault matrices are in test_tiny."""

import errno

import pytest

from drydockd.store.journal import JournalWriter
from drydockd.store.lines import Header, Journal, encode_ops
from drydockd.store.statedir import StateDir
from tests.store.helpers import FailingDisk

OPS = encode_ops([("tasks", "a", None, b"")])


@pytest.fixture
def disk():
    return FailingDisk(error=errno.ENOSPC)


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path)


@pytest.fixture
def writer(disk, state):
    opened = JournalWriter(disk, state, Header("me", 10))
    opened.create()
    yield opened
    opened.close()


def numbers(path):
    return [line.seq for line in Journal(path, path.read_bytes()).writes()]


def failing_once(disk, what):
    """Fail the next operation called `what`."""

    def fails(number):
        if disk.log[-1].startswith(what):
            disk.fails = lambda number: False
            return True
        return False

    disk.fails = fails


def test_several_writes_share_one_sync(writer, disk, state):
    before = disk.log.count("sync_data")
    writer.append([OPS, OPS, OPS])
    assert disk.log.count("sync_data") == before + 1
    assert numbers(state.journal) == [11, 12, 13]
    assert (writer.seq, writer.size) == (13, state.journal.stat().st_size)


def test_what_was_half_written_is_cut_off_at_once(writer, disk, state):
    failing_once(disk, "write")
    with pytest.raises(OSError, match="No space left"):
        writer.append([OPS])
    assert state.journal.stat().st_size == writer.size
    writer.append([OPS])
    assert numbers(state.journal) == [11]


def test_what_could_not_be_cut_off_is_before_the_next_write(writer, disk, state):
    disk.fails = lambda number: disk.log[-1] in ("write", "truncate")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            writer.append([OPS])
    disk.fails = lambda number: False
    writer.append([OPS])
    assert numbers(state.journal) == [11]


def test_after_a_failed_sync_nothing_is_trusted_to_the_old_file(writer, disk, state):
    writer.append([OPS])
    old = state.journal.stat().st_ino
    failing_once(disk, "sync_data")
    with pytest.raises(OSError, match="No space left"):
        writer.append([OPS])
    writer.append([OPS])
    assert state.journal.stat().st_ino != old
    assert numbers(state.journal) == [11, 12]


def test_a_journal_that_cannot_be_read_back_takes_no_more_writes(writer, disk, state):
    writer.append([OPS])
    failing_once(disk, "sync_data")
    content = state.journal.read_bytes()
    with state.journal.open("r+b") as file:
        file.write(content.replace(b"drydock", b"DRYDOCK"))
    for _ in range(2):
        with pytest.raises(OSError, match=r"damaged at byte 0|No space left"):
            writer.append([OPS])


def test_rotating_continues_the_numbers_in_the_next_journal(writer, state):
    writer.append([OPS])
    writer.rotate()
    writer.rotate()
    writer.append([OPS])
    assert numbers(state.journal) == [11]
    assert numbers(state.next_journal) == [12]
    writer.promote()
    writer.append([OPS])
    assert numbers(state.journal) == [12, 13]
    assert not state.next_journal.exists()


def test_a_rotation_that_fails_leaves_the_journal_in_use(writer, disk, state):
    disk.fails = lambda number: True
    with pytest.raises(OSError, match="No space left"):
        writer.rotate()
    disk.fails = lambda number: False
    writer.append([OPS])
    assert numbers(state.journal) == [11]
