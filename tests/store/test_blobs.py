"""Contents too big for records."""

import hashlib

import pytest

from drydockd.errors import NotFound, StoreRefused
from drydockd.store.blobs import Blobs
from tests.store.helpers import FailingDisk

DIGEST = hashlib.sha256(b"content").hexdigest()


@pytest.fixture
def disk():
    return FailingDisk()


@pytest.fixture
def blobs(disk, tmp_path):
    opened = Blobs(disk, tmp_path)
    opened.open(())
    return opened


def test_putting_a_blob_twice_writes_it_once(blobs, disk):
    blobs.put(DIGEST, b"content")
    count = disk.count
    blobs.put(DIGEST, b"content")
    assert disk.count == count
    assert blobs.read(DIGEST) == b"content"


def test_a_blob_is_had_once_it_is_certainly_on_disk_and_until_it_is_to_go(blobs, disk):
    disk.fails = lambda number: disk.log[-1].startswith("sync_folder")
    with pytest.raises(OSError, match="error"):
        blobs.put(DIGEST, b"content")
    assert not blobs.has(DIGEST)
    disk.fails = lambda number: False
    blobs.put(DIGEST, b"content")
    assert blobs.has(DIGEST)
    blobs.forget(DIGEST)
    assert not blobs.has(DIGEST)


def test_a_blob_whose_name_was_not_synced_is_written_again(blobs, disk):
    disk.fails = lambda number: disk.log[-1].startswith("sync_folder")
    with pytest.raises(OSError, match="error"):
        blobs.put(DIGEST, b"content")
    disk.fails = lambda number: False
    count = disk.count
    blobs.put(DIGEST, b"content")
    assert disk.count > count


def test_a_used_blob_of_an_earlier_life_is_neither_written_nor_swept(blobs, disk, tmp_path):
    blobs.put(DIGEST, b"content")
    later = Blobs(disk, tmp_path)
    later.open({DIGEST})
    count = disk.count
    later.put(DIGEST, b"content")
    later.sweep(DIGEST)
    assert disk.count == count
    assert later.read(DIGEST) == b"content"


def test_a_damaged_blob_is_not_given_out(blobs, tmp_path):
    blobs.put(DIGEST, b"content")
    (tmp_path / DIGEST).write_bytes(b"contenT")
    with pytest.raises(StoreRefused, match="does not match its name"):
        blobs.read(DIGEST)


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", ""])
def test_what_is_no_blob_is_not_found(blobs, name):
    with pytest.raises(NotFound):
        blobs.read(name)


def test_opening_sweeps_what_is_not_used(blobs, disk, tmp_path):
    blobs.put(DIGEST, b"content")
    (tmp_path / ("0" * 64)).touch()
    (tmp_path / (DIGEST + ".new")).touch()
    Blobs(disk, tmp_path).open({DIGEST})
    assert [path.name for path in tmp_path.iterdir()] == [DIGEST]


def test_a_blob_put_again_before_the_sweep_stays(blobs):
    blobs.put(DIGEST, b"content")
    blobs.forget(DIGEST)
    blobs.put(DIGEST, b"content")
    blobs.sweep(DIGEST)
    assert blobs.read(DIGEST) == b"content"
    blobs.forget(DIGEST)
    blobs.sweep(DIGEST)
    blobs.sweep(DIGEST)
    with pytest.raises(NotFound):
        blobs.read(DIGEST)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_blob_that_was_found_damaged_or_gone_is_written_anew(blobs, tmp_path, is_there):
    blobs.put(DIGEST, b"content")
    (tmp_path / DIGEST).unlink()
    if is_there:
        (tmp_path / DIGEST).write_bytes(b"damaged")
    with pytest.raises((NotFound, StoreRefused), match=DIGEST):
        blobs.read(DIGEST)
    assert not blobs.has(DIGEST)
    blobs.put(DIGEST, b"content")
    assert blobs.read(DIGEST) == b"content"
