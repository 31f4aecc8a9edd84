"""Group commit."""

import asyncio
import threading

import pytest

from drydockd.errors import StoreUnavailable
from drydockd.store import commit
from drydockd.store.commit import GroupCommit
from drydockd.store.staging import Batch
from drydockd.store.worker import Worker


class Recorder:
    """A disk that can be held, and notes what reaches it and in which thread."""

    def __init__(self):
        self.groups = []
        self.threads = []
        self.landed = []
        self.forgotten = 0
        self.may_go = threading.Event()
        self.may_go.set()
        self.failure = None

    def save(self, batches):
        self.may_go.wait(5)
        self.groups.append(len(batches))
        self.threads.append(threading.current_thread() is threading.main_thread())
        if self.failure:
            raise self.failure

    def forget(self):
        self.forgotten += 1


@pytest.fixture
def disk():
    return Recorder()


@pytest.fixture
async def group(disk):
    worker = Worker(asyncio.get_running_loop(), "test")
    yield GroupCommit(worker, disk.save, disk.landed.extend, disk.forget, probe_seconds=0)
    disk.may_go.set()
    await asyncio.to_thread(worker.stop)


async def test_all_that_arrive_during_a_sync_share_the_next(group, disk):
    disk.may_go.clear()
    first = group.add(Batch())
    await asyncio.sleep(0)
    rest = [group.add(Batch()) for _ in range(10)]
    disk.may_go.set()
    await asyncio.gather(first, *rest)
    assert disk.groups == [1, 10]
    assert len(disk.landed) == 11


async def test_a_batch_is_visible_before_its_writer_goes_on(group, disk):
    batch = Batch()
    await group.add(batch)
    assert disk.landed == [batch]


async def test_a_cancelled_writer_does_not_take_its_batch_back(group, disk):
    disk.may_go.clear()
    gone = group.add(Batch())
    await asyncio.sleep(0)
    gone.cancel()
    disk.may_go.set()
    await group.add(Batch())
    assert len(disk.landed) == 2


async def test_a_failure_fails_the_group_and_all_behind_it(group, disk):
    disk.may_go.clear()
    disk.failure = OSError(28, "No space left on device")
    first = group.add(Batch())
    await asyncio.sleep(0)
    second = group.add(Batch())
    disk.may_go.set()
    for done in (first, second):
        with pytest.raises(StoreUnavailable, match="No space left"):
            await done
    assert (disk.landed, disk.forgotten, disk.groups) == ([], 1, [1])
    disk.failure = None
    await group.add(Batch())
    assert group.error is None


async def test_a_job_alone_runs_between_groups(group, disk):
    disk.may_go.clear()
    first = group.add(Batch())
    await asyncio.sleep(0)
    landed = []
    alone = group.alone(lambda: landed.append(len(disk.landed)))
    second = group.add(Batch())
    disk.may_go.set()
    await asyncio.gather(first, alone, second)
    assert landed == [1]
    assert disk.groups == [1, 1]


async def many_alone(group, count):
    for _ in range(count):
        done = group.save(Batch())
        await (done or asyncio.sleep(0))
        await asyncio.sleep(0)


async def test_a_sole_writer_on_a_quick_disk_is_served_on_the_loop(group, disk):
    await many_alone(group, 40)
    assert disk.threads[0] is False
    assert disk.threads[-1] is True


async def test_a_slow_disk_is_never_waited_for_on_the_loop(disk, monkeypatch):
    worker = Worker(asyncio.get_running_loop(), "test")
    slow = GroupCommit(
        worker, disk.save, disk.landed.extend, disk.forget, probe_seconds=0, quick_seconds=0
    )
    await many_alone(slow, 40)
    assert not any(disk.threads)
    await asyncio.to_thread(worker.stop)


async def test_a_second_writer_in_the_same_turn_ends_waiting_on_the_loop(group, disk):
    await many_alone(group, commit._QUICK_IN_A_ROW + 1)
    assert group.save(Batch()) is None
    done = group.save(Batch())
    assert done is not None
    await done
    await asyncio.sleep(0)
    assert group.save(Batch()) is not None
    await asyncio.sleep(0)


async def test_nothing_is_saved_on_the_loop_while_much_else_is_written(group, disk):
    await many_alone(group, 40)
    group.is_contended = True
    await many_alone(group, 1)
    assert disk.threads[-1] is False


async def several(group):
    """Let the group know that it is not one alone who writes."""
    await asyncio.gather(group.add(Batch()), group.add(Batch()))


async def test_writes_that_come_turn_by_turn_go_together_where_several_write(
    group, disk, monkeypatch
):
    monkeypatch.setattr(commit, "_GATHER_SECONDS", 60)
    monkeypatch.setattr(commit, "_GATHER_BELOW_SECONDS", 60)
    await several(group)
    writes = []
    for _ in range(5):
        writes.append(group.add(Batch()))
        await asyncio.sleep(0)
    # Nobody comes any more: that ends it, long before its time.
    async with asyncio.timeout(20):
        await asyncio.gather(*writes)
    assert disk.groups == [2, 5]


async def test_no_group_waits_longer_than_its_time(group, disk, monkeypatch):
    monkeypatch.setattr(commit, "_TURNS", 1 << 60)
    monkeypatch.setattr(commit, "_GATHER_BELOW_SECONDS", 60)
    await several(group)
    async with asyncio.timeout(20):
        await group.add(Batch())
    assert disk.groups == [2, 1]


async def test_who_writes_alone_waits_for_nobody(group, disk, monkeypatch):
    monkeypatch.setattr(commit, "_TURNS", 1 << 60)
    monkeypatch.setattr(commit, "_GATHER_SECONDS", 60)
    monkeypatch.setattr(commit, "_GATHER_BELOW_SECONDS", 60)
    async with asyncio.timeout(20):
        await group.add(Batch())
        await group.add(Batch())
    assert disk.groups == [1, 1]


async def test_at_the_end_nobody_is_waited_for(group, disk, monkeypatch):
    await several(group)
    monkeypatch.setattr(commit, "_TURNS", 1 << 60)
    monkeypatch.setattr(commit, "_GATHER_SECONDS", 60)
    monkeypatch.setattr(commit, "_GATHER_BELOW_SECONDS", 60)
    last = group.add(Batch())
    await asyncio.sleep(0)
    group.stop()
    async with asyncio.timeout(20):
        await last
    assert disk.groups == [2, 1]


async def test_a_slow_disk_is_not_kept_waiting(group, disk, monkeypatch):
    await several(group)
    monkeypatch.setattr(commit, "_TURNS", 1 << 60)
    monkeypatch.setattr(commit, "_GATHER_SECONDS", 60)
    group._last_seconds = commit._GATHER_BELOW_SECONDS * 1.1
    async with asyncio.timeout(20):
        await asyncio.gather(group.add(Batch()), group.add(Batch()))
    assert disk.groups == [2, 2]
