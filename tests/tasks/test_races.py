"""Create, terminate, retry, purge and restart, while writes take a moment to become visible.

A store on a disk shows a write only once it is there, but judges the next one on top of it: so
a task learns that it was terminated before it can see it. Whatever the order, no line calls
for anybody (ERROR, CRITICAL), and when all is quiet no task is without its end.
"""

import asyncio
import contextlib
import logging
import random
import time

import pytest

from drydockd.errors import Conflict, NotFound, StoreUnavailable, Unavailable
from drydockd.store.backend import Loaded
from drydockd.store.memory import MemoryBackend
from drydockd.store.records import Records
from drydockd.tasks.actions import noop
from tests.tasks.helpers import OPS, Lab, hold

LATER = "9999-01-01T00:00:00.000000+00:00"


class LateBackend(MemoryBackend):
    """Lands each write some turns of the loop later; `refuse` loses what is on its way."""

    def __init__(self, turns):
        self._turns = turns
        self._way = asyncio.Queue()
        self._lands = None

    def save(self, batch, guard):
        self._lands = self._lands or asyncio.ensure_future(self._land_all())
        done = asyncio.get_running_loop().create_future()
        self._way.put_nowait((batch, done))
        return done

    async def _land_all(self):
        while True:
            batch, done = await self._way.get()
            for _ in range(self._turns()):
                await asyncio.sleep(0)
            if done.done() and not done.cancelled():
                continue
            await (super().save(batch, None) or asyncio.sleep(0))
            if not done.done():
                done.set_result(None)

    def refuse(self):
        self._landing.forget()
        while not self._way.empty():
            _, done = self._way.get_nowait()
            if not done.done():
                done.set_exception(StoreUnavailable("the disk is full"))


def late_store(turns):
    return Records(LateBackend(turns), Loaded(origin=time.time_ns() // 1000))


def calls_for_somebody(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]


@pytest.fixture(autouse=True)
def debug_lines_too(caplog):
    caplog.set_level(logging.INFO)


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("ref", ["memory:site", "memory:nowhere"])
async def test_a_task_that_is_terminated_while_it_begins_ends_without_a_cry(caplog, ref, turns):
    """At each moment of its beginning, also where its design cannot be had."""
    async with Lab(store=late_store(lambda: 7)) as lab:
        task = await lab.submit("noop", "n1", ref=ref)
        for _ in range(turns):
            await asyncio.sleep(0)
        try:
            await lab.tasks.terminate(task.task_id, OPS)
        except Conflict:
            assert ref == "memory:nowhere"
        ended = await lab.finished(task.task_id)
        assert ended.status in ("terminated", "complete")
        assert (await lab.run("noop", "n1")).result.status == "success"
    assert calls_for_somebody(caplog) == []


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_site_wide_task_that_is_terminated_at_any_moment_says_no_error(caplog, turns):
    async with Lab(store=late_store(lambda: 5)) as lab:
        task = await lab.submit("prepare_site")
        for _ in range(turns):
            await asyncio.sleep(0)
        with contextlib.suppress(Conflict):
            await lab.tasks.terminate(task.task_id, OPS)
        await lab.finished(task.task_id)
        assert not [text for text in lab.texts(task.task_id, error=True) if "subtask" in text]
    assert calls_for_somebody(caplog) == []


async def test_a_task_whose_termination_the_disk_refused_goes_on(caplog):
    turns = 0
    backend = LateBackend(lambda: turns)
    async with Lab(store=Records(backend, Loaded(origin=1))) as lab:
        lab.designs.gate.clear()
        task = await lab.submit("noop", "n1")
        turns = 50
        ending = asyncio.ensure_future(lab.tasks.terminate(task.task_id, OPS))
        lab.designs.gate.set()
        for _ in range(20):
            await asyncio.sleep(0)
        turns = 0
        # One that is on its way in the backend lands; the task's own write waits behind it.
        backend.refuse()
        await asyncio.wait([ending])
        assert (await lab.finished(task.task_id)).status in ("complete", "terminated")
    assert not any(r.levelno == logging.CRITICAL for r in caplog.records)


async def test_a_waiting_task_that_is_terminated_and_purged_is_no_error(caplog, monkeypatch):
    gate = hold(monkeypatch, noop)
    async with Lab(store=late_store(lambda: 3)) as lab:
        first = await lab.submit("noop", "n1")
        second = await lab.submit("noop", "n1")
        await lab.until(lambda: lab.texts(second.task_id))
        await asyncio.gather(
            lab.tasks.terminate(second.task_id, OPS), lab.store.purge_tasks(before=LATER)
        )
        await lab.store.purge_tasks(before=LATER)
        gate.set()
        await lab.finished(first.task_id)
    assert calls_for_somebody(caplog) == []


async def test_a_task_created_while_the_daemon_goes_away_is_left_to_the_next_start(caplog):
    async with Lab(store=late_store(lambda: 5)) as lab:
        creating = asyncio.ensure_future(lab.submit("noop", "n1"))
        await asyncio.sleep(0)
        await lab.kill()
        task = await creating
        assert not [t for t in asyncio.all_tasks() if task.task_id in t.get_name()]
        await lab.restart()
        assert (await lab.finished(task.task_id)).result.status == "success"
    assert calls_for_somebody(caplog) == []


class Crowd:
    """Callers in any order, from one seed."""

    ACTIONS = ("noop", "noop", "validate_design", "verify_site", "prepare_nodes", "prepare_site")
    REFS = ("memory:site", "memory:site", "memory:nowhere", "memory:bad")

    def __init__(self, lab, seed):
        self.lab = lab
        self.chance = random.Random(seed)
        self.known = []
        self.calls = set()

    def one(self):
        return self.chance.choice(self.known)

    async def create(self):
        action, ref = self.chance.choice(self.ACTIONS), self.chance.choice(self.REFS)
        nodes = self.chance.sample(["n1", "n2", "n3"], self.chance.randint(1, 2))
        task = await self.lab.submit(action, *nodes, ref=ref)
        self.known.append(task.task_id)

    async def terminate(self):
        await self.lab.tasks.terminate(self.one(), OPS)

    async def retry(self):
        self.known.append((await self.lab.tasks.retry(self.one(), OPS)).task_id)

    async def purge(self):
        await self.lab.store.purge_tasks(before=LATER)

    async def watch(self):
        await self.lab.tasks.wait(self.one(), 0.01)

    async def call(self, name):
        try:
            await getattr(self, name)()
        except (Conflict, NotFound, Unavailable):
            return

    async def play(self, moves):
        lab = self.lab
        for _ in range(moves):
            name = self.chance.choice(
                ("create", "create", "terminate", "terminate", "retry", "purge", "watch")
            )
            if name == "create" or self.known:
                call = asyncio.ensure_future(self.call(name))
                self.calls.add(call)
            for _ in range(self.chance.choice((0, 0, 1, 2, 5, 20))):
                await asyncio.sleep(0)
            if self.chance.random() < 0.03:
                await lab.kill()
                # What is on its way is on the disk before anybody reads that again.
                await asyncio.wait(self.calls)
                await lab.restart()
        await asyncio.wait(self.calls)
        while unfinished := lab.store.unfinished():
            for task in unfinished:
                await lab.finished(task.task_id)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
async def test_in_any_order_no_line_calls_for_anybody_and_every_task_ends(caplog, seed):
    chance = random.Random(-seed - 1)
    store = late_store(lambda: chance.choice((0, 1, 1, 3, 9)))
    cries = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: cries.append(context))
    async with Lab(store=store, seed=seed) as lab:
        lab.designs.texts["memory:bad"] = "- not a document"
        crowd = Crowd(lab, seed)
        await crowd.play(moves=60)
        assert all(call.exception() is None for call in crowd.calls)
        assert all(task.status.is_final for task in store.tasks())
    assert cries == []
    assert calls_for_somebody(caplog) == []
