import asyncio
from types import SimpleNamespace

import pytest

from drydockd.errors import Conflict, StoreUnavailable
from drydockd.model import Action, Task, TaskStatus
from drydockd.store.base import Edit, Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks.shared import recorder
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.words import messages
from tests.tasks.shared.fencing import FakeLease, FencedStore


class FullDisk(MemoryStore):
    """Refuses its first writes; a full disk cannot be had on demand."""

    def __init__(self, refusals=1):
        super().__init__()
        self.refusals = refusals

    async def write(self, *changes):
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("no space left on device")
        await super().write(*changes)


async def test_a_write_waits_for_a_full_disk_and_is_not_lost(monkeypatch):
    monkeypatch.setattr(recorder, "FIRST_PAUSE", 0.001)
    store = FullDisk()

    async with asyncio.timeout(20):
        await Recorder(store).write(Put(Task("t1", Action.NOOP)))

    assert store.task("t1").action == "noop"


async def test_the_pauses_double_up_to_the_longest(monkeypatch):
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    monkeypatch.setattr(recorder, "asyncio", SimpleNamespace(sleep=sleep))
    store = FullDisk(refusals=9)

    await Recorder(store).write(Put(Task("t1", Action.NOOP)))

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert store.task("t1").action == "noop"


async def test_a_refused_change_is_told_at_once():
    store = MemoryStore()
    await store.write(Put(Task("t1", Action.NOOP, status=TaskStatus.QUEUED)))

    def refuse(task):
        raise Conflict("no")

    with pytest.raises(Conflict):
        await Recorder(store).write(Edit(Task, "t1", refuse))


async def test_what_is_said_is_a_message_of_the_task():
    store = MemoryStore()
    await store.write(Put(Task("t1", Action.NOOP)))

    await Recorder(store).say(messages.on_node("t1", "n1", "hello"))

    assert [m.message for m in store.messages("t1")] == ["hello"]


async def test_every_write_holds_for_the_epoch_of_this_daemon():
    store, lease = FencedStore(epoch=4), FakeLease(epoch=4)
    recorder = Recorder(store, lease)

    await recorder.write(Put(Task("t1", Action.NOOP)))
    await recorder.write_once(Put(Task("t2", Action.NOOP)))
    await recorder.say(messages.on_node("t1", "n1", "hello"))

    assert [guard.number for guard in store.guards] == [4, 4, 4]
    assert not lease.reasons


@pytest.mark.parametrize("how", ["write", "write_once"])
async def test_a_fenced_writer_stands_still_and_tries_nothing_again(how):
    store, lease = FencedStore(epoch=5), FakeLease(epoch=4)
    writing = asyncio.create_task(
        getattr(Recorder(store, lease), how)(Put(Task("t1", Action.NOOP)))
    )
    for _ in range(20):
        await asyncio.sleep(0)

    assert not writing.done()
    assert len(store.guards) == 1
    assert lease.reasons == ["another daemon is the runner now: nothing was changed"]
    assert store.tasks() == []
    writing.cancel()


async def test_a_daemon_that_is_not_the_runner_writes_nothing_for_tasks():
    store, lease = FencedStore(), FakeLease(epoch=None)
    writing = asyncio.create_task(Recorder(store, lease).write(Put(Task("t1", Action.NOOP))))
    for _ in range(20):
        await asyncio.sleep(0)

    assert not writing.done()
    assert store.guards == []
    writing.cancel()
