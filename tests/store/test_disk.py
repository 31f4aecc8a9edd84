"""Files replaced whole."""

import errno
import os

import pytest

from drydockd.store.disk import SYNC_EVERY_BYTES, Disk, replace_file, write_all
from tests.store.helpers import FailingDisk


def test_a_file_is_replaced_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "file"
    replace_file(Disk(), path, [b"one"])
    replace_file(Disk(), path, [b"two", b"!"])
    assert path.read_bytes() == b"two!"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_short_writes_are_continued(tmp_path):
    class Stingy(Disk):
        def write(self, descriptor, data):
            return super().write(descriptor, data[:3])

    replace_file(Stingy(), tmp_path / "file", [b"0123456789"])
    assert (tmp_path / "file").read_bytes() == b"0123456789"
    descriptor = Disk().create(tmp_path / "other")
    write_all(Stingy(), descriptor, b"abcdefg")
    Disk().close(descriptor)
    assert (tmp_path / "other").read_bytes() == b"abcdefg"


def test_whatever_fails_the_old_file_or_the_new_one_is_there(tmp_path):
    path = tmp_path / "file"
    for failing in range(1, 6):
        replace_file(Disk(), path, [b"old"])
        disk = FailingDisk(lambda number, failing=failing: number == failing, errno.ENOSPC)
        with pytest.raises(OSError, match="No space left"):
            replace_file(disk, path, [b"new"])
        assert path.read_bytes() == (b"new" if failing == 5 else b"old")
        assert os.listdir(tmp_path) == ["file"]


def test_a_long_file_is_synced_on_the_way(tmp_path):
    disk = FailingDisk()
    replace_file(disk, tmp_path / "file", [bytes(SYNC_EVERY_BYTES // 2)] * 5)
    assert disk.log.count("sync_data") == 3


def test_what_root_makes_belongs_to_the_owner_of_the_folder(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda path, *owner: given.append((path, owner)))
    replace_file(Disk(), tmp_path / "file", [b"x"])
    Disk().make_folder(tmp_path / "folder")
    owner = (tmp_path.stat().st_uid, tmp_path.stat().st_gid)
    assert given == [(tmp_path / "file.new", owner), (tmp_path / "folder", owner)]


def test_what_others_make_stays_theirs(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "chown", lambda *args: pytest.fail("only root gives away"))
    replace_file(Disk(), tmp_path / "file", [b"x"])
