"""The mark: what it says, when it is written, and that a lost or failing one loses nothing."""

import errno
import os

import pytest

from drydockd.store import Put
from drydockd.store.damage import Damage
from drydockd.store.mark import MARK_BYTES, Mark, MarkWriter, encode_mark, read_mark
from drydockd.store.tiny import open_tiny
from tests.store.helpers import FailingDisk, a_task


@pytest.fixture
def path(tmp_path):
    return tmp_path / "drydock.mark"


def test_a_mark_comes_back_and_always_is_of_one_length(path):
    for mark in (Mark("me", 0), Mark("0b6f8a52-2b9f-4f0c-9d0e-0d8f7e3a1c55", 1 << 62)):
        path.write_bytes(encode_mark(mark))
        assert read_mark(path) == mark
        assert len(encode_mark(mark)) == MARK_BYTES


def test_without_a_mark_nothing_is_known(path):
    assert read_mark(path) is None


@pytest.mark.parametrize("content", [b"", bytes(MARK_BYTES), b"x" * MARK_BYTES, b"00000000 {}\n"])
def test_what_is_no_mark_is_damage(path, content):
    path.write_bytes(content)
    with pytest.raises(Damage, match=r"drydock\.mark is damaged"):
        read_mark(path)


def test_a_mark_is_overwritten_in_its_place(path):
    writer = MarkWriter(FailingDisk(), path, "me")
    writer.begin(3)
    inode = path.stat().st_ino
    writer.note(4)
    writer.close()
    writer.begin(4)
    writer.note(5)
    writer.close()
    assert read_mark(path) == Mark("me", 5)
    assert path.stat().st_ino == inode


async def test_every_acknowledged_write_is_in_the_mark(tmp_path):
    store = await open_tiny(tmp_path / "state")
    for number in range(1, 40):
        await store.write(Put(a_task(f"t{number}")))
        assert read_mark(tmp_path / "state" / "drydock.mark").seq == number
    await store.backend.compact()
    await store.write(Put(a_task("last")))
    assert read_mark(tmp_path / "state" / "drydock.mark").seq == 40
    await store.close()


async def test_the_mark_never_runs_ahead_of_the_disk(tmp_path):
    """A write that was refused is not in it: it would be missed at the next start."""
    disk = FailingDisk()
    store = await open_tiny(tmp_path / "state", disk=disk, probe_seconds=0)
    await store.write(Put(a_task("a")))
    disk.fails = lambda number: True
    with pytest.raises(Exception, match="cannot be written"):
        await store.write(Put(a_task("b")))
    assert read_mark(tmp_path / "state" / "drydock.mark").seq == 1
    disk.fails = lambda number: False
    await store.close()


async def test_a_write_costs_no_sync_more_than_before(tmp_path):
    disk = FailingDisk()
    store = await open_tiny(tmp_path / "state", disk=disk)
    before = disk.log.count("sync_data")
    await store.write(Put(a_task("a")))
    assert disk.log.count("sync_data") == before + 1
    await store.close()


async def test_a_mark_that_cannot_be_written_fails_no_write_and_is_told_once(tmp_path, caplog):
    class Worn(FailingDisk):
        def write_at(self, descriptor, data):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    store = await open_tiny(tmp_path / "state", disk=Worn())
    for name in "abc":
        await store.write(Put(a_task(name)))
    await store.close()
    assert caplog.text.count("drydock.mark cannot be written: [Errno 5]") == 1
    store = await open_tiny(tmp_path / "state")
    assert len(store.tasks()) == 3
    await store.close()
