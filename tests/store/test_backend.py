"""The seam holds more than one writer: a backend as contract/scale.md, section 2, wants it."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.errors import Conflict, Fenced, NotFound
from drydockd.model import Message, Task
from drydockd.store import Edit, Epoch, Put
from drydockd.store.backend import Loaded
from drydockd.store.memory import MemoryBackend
from drydockd.store.records import Records
from drydockd.store.staging import Staging
from drydockd.store.tables import Tables
from tests.store.helpers import COMPLETE, RUNNING, a_message, a_task


class Journal:
    """What all daemons share: the order of their writes, and the runner's epoch."""

    def __init__(self):
        self.lines = []
        self.epoch = 1


class Shared(MemoryBackend):
    """One daemon's end of a Journal: it may be behind, and then evaluates its writes again."""

    def __init__(self, journal):
        self.journal = journal
        self.applied = 0

    async def fresh(self, seconds):
        self.catch_up()

    def catch_up(self):
        for batch in self.journal.lines[self.applied :]:
            self._landing.land([batch])
        self.applied = len(self.journal.lines)

    async def save(self, batch, guard):
        await asyncio.sleep(0)  # the way to the journal
        if guard is not None and guard.number != self.journal.epoch:
            self._landing.forget()
            raise Fenced("the epoch is over")
        if self.applied < len(self.journal.lines):
            self._landing.forget()
            self.catch_up()
            batch = self._landing.stage(batch.changes)
        self.journal.lines.append(batch)
        self.catch_up()


@pytest.fixture
def daemons():
    journal = Journal()
    return [Records(Shared(journal), Loaded(Tables(), origin=7)) for _ in range(2)], journal


async def test_an_edit_another_daemon_was_ahead_of_is_evaluated_again(daemons):
    (here, there), _ = daemons
    await here.write(Put(a_task("a")))
    await there.fresh(1)
    evaluated = []

    def count(task):
        evaluated.append(task.retry)
        return replace(task, retry=task.retry + 1)

    await there.write(Edit(Task, "a", lambda task: replace(task, retry=7)))
    await here.write(Edit(Task, "a", count), Put(Message("a", "eight")))
    assert evaluated == [0, 0, 7, 7]  # each of them twice, as in all tests
    assert here.task("a").retry == 8
    await there.fresh(1)
    assert (there.task("a"), there.seq) == (here.task("a"), here.seq)
    assert there.arrival("a") == here.arrival("a") == 1


async def test_messages_get_their_numbers_where_they_land(daemons):
    (here, there), _ = daemons
    await here.write(Put(a_task("a")))
    await there.fresh(1)
    await there.write(Put(a_message("a", "first")))
    await here.write(Put(a_message("a", "second")))
    assert [(m.seq, m.message) for m in here.messages("a")] == [(1, "first"), (2, "second")]


async def test_a_refusal_may_come_after_the_way_to_the_journal(daemons):
    (here, there), _ = daemons
    await here.write(Put(a_task("a")))
    await there.fresh(1)
    await there.write(Edit(Task, "a", lambda task: replace(task, status=COMPLETE)))
    with pytest.raises(Conflict):
        await here.write(Edit(Task, "a", lambda task: replace(task, status=RUNNING)))
    assert here.task("a").status is COMPLETE


async def test_a_guarded_write_ends_with_its_epoch(daemons):
    (here, _), journal = daemons
    await here.write(Put(a_task("a")), guard=Epoch(1))
    journal.epoch = 2
    with pytest.raises(Fenced):
        await here.write(Put(a_task("b")), guard=Epoch(1))
    with pytest.raises(NotFound):
        here.task("b")
    await here.write(Put(a_task("b")), guard=Epoch(2))


@pytest.mark.parametrize("backend", ["memory", "tiny"])
async def test_a_store_of_its_own_is_always_fresh_and_its_epoch_lasts(store):
    await store.write(Put(a_task("a")), guard=Epoch(1))
    await store.fresh(0)
    assert store.task("a")


async def test_the_tests_evaluate_every_edit_twice(store):
    await store.write(Put(a_task("a")))
    seen = []
    await store.write(Edit(Task, "a", lambda task: seen.append(1) or replace(task, retry=1)))
    assert len(seen) == 2
    assert Staging._stage_edit.__name__ == "stage_twice"
