"""The state directory."""

import os

import pytest

from drydockd.errors import StoreRefused
from drydockd.store.disk import Disk
from drydockd.store.statedir import Lock, StateDir, open_to_others


@pytest.fixture
def state(tmp_path):
    found = StateDir(tmp_path / "a" / "state")
    found.prepare(Disk())
    return found


def test_it_is_made_for_its_owner_only(state):
    assert state.path.stat().st_mode & 0o777 == 0o700
    assert state.blobs.stat().st_mode & 0o777 == 0o700
    state.prepare(Disk())


def test_an_empty_directory_is_closed_to_others(tmp_path):
    tmp_path.chmod(0o755)
    StateDir(tmp_path).prepare(Disk())
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["drydock.json", "secret", "blobs/x"])
def test_a_file_open_to_others_is_refused_with_the_command_that_helps(state, name):
    (state.path / name).touch(mode=0o600)
    assert open_to_others(state) == []
    (state.path / name).chmod(0o640)
    with pytest.raises(StoreRefused, match=f"{name} can be read .*chmod -R go= {state.path}"):
        state.prepare(Disk())


def test_a_directory_open_to_others_is_refused(state):
    (state.path / "drydock.json").touch(mode=0o600)
    state.path.chmod(0o750)
    with pytest.raises(StoreRefused, match="can be read"):
        state.prepare(Disk())


def test_a_path_that_cannot_be_a_directory_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreRefused, match=r"state directory .*file"):
        StateDir(tmp_path / "file" / "state").prepare(Disk())


def test_the_lock_names_its_holder_and_may_be_had_again(state):
    lock = Lock(state)
    with pytest.raises(StoreRefused, match=f"in use by process {os.getpid()};"):
        Lock(state)
    lock.release()
    lock.release()
    Lock(state).release()
