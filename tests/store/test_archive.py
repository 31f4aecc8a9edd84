"""Backups."""

import asyncio
import tarfile

import pytest

from drydockd.errors import StoreRefused
from drydockd.model import BuildData
from drydockd.store import Put, Remove, archive
from drydockd.store.archive import backup, restore
from drydockd.store.disk import Disk
from drydockd.store.lines import Header
from drydockd.store.statedir import StateDir
from drydockd.store.tables import Tables
from drydockd.store.tiny import open_tiny
from tests.store.helpers import a_message, a_task, everything, some_data


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


@pytest.fixture
async def filled(tiny, state):
    await tiny.write(Put(a_task("a")), Put(a_message("a")), Put(some_data("1", "x" * 5000)))
    (state.path / "secret").touch(mode=0o600)
    (state.path / "secret").write_text("hidden")
    return tiny


@pytest.mark.parametrize("name", ["backup.tar", "backup.tar.gz"])
async def test_a_backup_of_a_running_daemon_comes_back_whole(filled, state, tmp_path, name):
    told = backup(state, tmp_path / name)
    assert "1 messages" in told
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    copy = StateDir(tmp_path / "copy")
    assert "1 tasks" in restore(tmp_path / name, copy)
    restored = await open_tiny(copy.path)
    assert everything(restored) == everything(filled)
    assert restored.build_data()[0].data_element == "x" * 5000
    await restored.write(Put(a_task("b")))
    await restored.close()
    assert (copy.path / "secret").read_text() == "hidden"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["state", "copy", name])


async def test_a_backup_beside_writes_and_sweeps_is_of_one_moment(filled, state, tmp_path):
    async def write_on():
        number = 0
        while True:
            number += 1
            await filled.write(
                Put(a_message("a", str(number))),
                Put(some_data("1", f"{number:5000}")),
                Remove(BuildData, "2"),
            )
            await filled.write(Put(some_data("2", f"{number:6000}")))
            if number % 5 == 0:
                await filled.backend.compact()

    writing = asyncio.create_task(write_on())
    for number in range(10):
        target, copy = tmp_path / f"{number}.tar", StateDir(tmp_path / f"copy{number}")
        await asyncio.to_thread(backup, state, target)
        await asyncio.to_thread(restore, target, copy)
        restored = await open_tiny(copy.path)
        last = restored.messages("a")[-1].message
        elements = {data.build_data_id: data.data_element for data in restored.build_data()}
        assert last == "step" or elements["1"] == f"{int(last):5000}"
        await restored.close()
    writing.cancel()
    await asyncio.wait([writing])


async def test_records_are_never_restored_over(filled, state, tmp_path):
    await filled.close()
    backup(state, tmp_path / "backup.tar")
    with pytest.raises(StoreRefused, match="already holds records"):
        restore(tmp_path / "backup.tar", state)


async def test_a_damaged_backup_is_not_restored(filled, state, tmp_path):
    target, copy = tmp_path / "backup.tar", StateDir(tmp_path / "copy")
    backup(state, target)
    content = target.read_bytes()
    for good, bad in ((b'"step"', b'"stop"'), (b"x" * 5000, b"y" * 5000)):
        target.write_bytes(content.replace(good, bad))
        with pytest.raises(StoreRefused, match="no whole backup"):
            restore(target, copy)
        assert not copy.holds_records()
    target.write_bytes(content[:1000])
    with pytest.raises(StoreRefused, match="is no"):
        restore(target, copy)


def test_only_files_of_ours_come_out_of_an_archive(tmp_path):
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        archive.add(tmp_path / "evil", arcname="../../evil")
    with pytest.raises(StoreRefused, match=r"'../../evil' is none's content"):
        restore(tmp_path / "evil.tar", StateDir(tmp_path / "copy"))
    with pytest.raises(StoreRefused, match="is no backup"):
        restore(tmp_path / "evil", StateDir(tmp_path / "copy"))


async def test_a_backup_of_a_damaged_directory_is_refused(filled, state, tmp_path):
    await filled.close()
    next(state.blobs.iterdir()).unlink()
    with pytest.raises(StoreRefused, match="blobs that are missing"):
        backup(state, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


@pytest.mark.parametrize("clock", ["right", "set back"])
async def test_no_number_is_given_twice_after_a_restore(filled, tmp_path, monkeypatch, clock):
    backup(StateDir(tmp_path / "state"), tmp_path / "b.tar")
    for number in range(9):
        await filled.write(Put(a_task(f"later{number}", created=str(9 - number))))
    if clock == "set back":
        monkeypatch.setattr("time.time_ns", lambda: 1)
    copy = StateDir(tmp_path / "copy")
    restore(tmp_path / "b.tar", copy)
    restored = await open_tiny(copy.path)
    assert restored.origin == filled.origin
    assert restored.arrival("a") == filled.arrival("a")
    await restored.write(Put(a_task("new")))
    assert restored.seq > filled.seq
    await restored.close()


class Cut(Exception):
    """The machine is switched off."""


async def moved_in(folder, is_there, last, monkeypatch):
    """Let a draft take the place of what is in `folder`; count the steps, stop before `last`."""
    state, count = StateDir(folder), 0
    if is_there:
        before = await open_tiny(folder)
        await before.write(Put(a_task("before")))
        await before.close()
    else:
        state.prepare(Disk())

    def step(*paths):
        nonlocal count
        count += 1
        if count == last:
            raise Cut

    with archive.drafted(folder) as draft, monkeypatch.context() as patched:
        tables = Tables()
        tables.load("tasks", a_task("new"), 1)
        (draft.blobs / ("0" * 64)).touch(mode=0o600)
        end = Header("other", 7, 5)
        archive.put_records(Disk(), draft, tables, end)
        for name in ("rename", "unlink", "make_folder"):
            done = getattr(Disk, name)
            patched.setattr(Disk, name, lambda self, *a, done=done: (step(), done(self, *a)))
        try:
            archive.put_in_place(Disk(), draft, state, end)
        except Cut:
            assert count == last
        else:
            assert last is None
    return count


@pytest.mark.parametrize("is_there", [False, True])
async def test_what_takes_anothers_place_is_there_as_a_whole_or_no_daemon_starts(
    is_there, tmp_path, monkeypatch
):
    steps = await moved_in(tmp_path / "0", is_there, None, monkeypatch)
    assert await tasks_in(tmp_path / "0") == {"new"}
    assert steps == (10 if is_there else 4)
    refused = 0
    for last in range(1, steps + 1):
        await moved_in(tmp_path / str(last), is_there, last, monkeypatch)
        found = await tasks_in(tmp_path / str(last))
        refused += found is None
        assert found in (None, {"new"}, {"before"} if is_there else set())
    assert refused


async def tasks_in(folder):
    """The tasks a daemon would begin with; None if it does not."""
    try:
        store = await open_tiny(folder)
    except StoreRefused:
        return None
    found = {task.task_id for task in store.tasks()}
    await store.close()
    return found


async def test_what_was_there_before_is_kept_whole(tmp_path, monkeypatch):
    await moved_in(tmp_path / "s", True, None, monkeypatch)
    (kept,) = (tmp_path / "s").glob("replaced-*")
    assert await tasks_in(kept) == {"before"}
