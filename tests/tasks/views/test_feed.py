"""The events of everything: whole, once and in order, whatever the reader and the daemon do."""

import asyncio
import contextlib

import pytest

from drydockd.api.event import CHOICES
from drydockd.model import BootActionStatus, Message
from drydockd.store.base import Put, Say
from drydockd.store.memory import MemoryStore
from drydockd.store.news import Wording
from drydockd.store.tiny import open_tiny
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.shared.places import Place, parse_place
from drydockd.tasks.views.feed import Feed
from drydockd.tasks.words.requests import EventFilter
from tests.store.helpers import COMPLETE, RUNNING, a_boot_action, a_task
from tests.tasks.helpers import Lab

ALL = EventFilter()


async def read(store, changes, *, after=0, wanted=ALL):
    """All that is kept behind `after`, without the places."""
    after = Place(after) if isinstance(after, int) else after
    feed = Feed(store, changes, wanted, after=after, until_now=True)
    async with asyncio.timeout(30):
        return [event async for event in feed if event.kind != "place"]


@contextlib.asynccontextmanager
async def opened(path, *, history=5000, **options):
    store = await open_tiny(path, **options)
    changes = Changes(store, history)
    try:
        yield store, changes
    finally:
        changes.close()
        await store.close()


async def some_writes(store, name="t"):
    await store.write(Put(a_task(name)))
    await store.write(Put(Message(name, "one")), Put(a_task(name, status=RUNNING)))
    await store.write(Say(name, Wording([Message("", "two"), Message("", "three")])))
    await store.write(Put(a_boot_action("A", status=BootActionStatus.SUCCESS)))
    await store.write(
        Put(a_boot_action("A", status=BootActionStatus.SUCCESS, closed="2026")),
        Put(a_task(name, status=RUNNING, created_by="x")),
        Put(a_task(name, status=COMPLETE)),
    )


KINDS = ["state", "message", "state", "message", "message", "boot_action", "state"]


async def test_memory_and_disk_tell_the_same(tmp_path):
    async with opened(tmp_path) as (store, changes):
        await some_writes(store)
        remembered = await read(store, changes)
        assert [event.kind for event in remembered] == KINDS
    async with opened(tmp_path) as (store, changes):
        assert changes.writes(0) is None
        assert await read(store, changes) == remembered


async def test_behind_any_event_come_those_after_it_and_no_other(tmp_path):
    async with opened(tmp_path) as (store, changes):
        await some_writes(store)
        whole = await read(store, changes)
        for number, event in enumerate(whole):
            rest = await read(store, changes, after=parse_place(event.id))
            assert rest == whole[number + 1 :]
    async with opened(tmp_path, history=1) as (store, changes):
        for number, event in enumerate(whole):
            rest = await read(store, changes, after=parse_place(event.id))
            assert rest == whole[number + 1 :]


@pytest.mark.parametrize("history", [1, 5000])
async def test_a_reader_that_leaves_anywhere_misses_and_repeats_nothing(tmp_path, history):
    """While writes go on, journals are folded and the daemon is started anew."""
    found, after = [], Place(0)
    for life in range(3):
        async with opened(tmp_path, history=history) as (store, changes):
            writer = asyncio.create_task(some_writes(store, f"t{life}"))
            feed = Feed(store, changes, ALL, after=after)
            events = aiter(feed)
            for _ in range(4):
                async with asyncio.timeout(30):
                    event = await anext(events)
                if event.kind != "place":
                    found.append(event)
            await events.aclose()
            after = feed.place
            await writer
            await store.backend.compact()
    async with opened(tmp_path) as (store, changes):
        found += await read(store, changes, after=after)
        assert found == await read(store, changes)


async def test_a_live_reader_is_woken_by_each_write(tmp_path):
    async with opened(tmp_path) as (store, changes):
        await store.write(Put(a_task("before")))
        feed = Feed(store, changes, ALL)
        events = aiter(feed)
        place = await anext(events)
        coming = asyncio.ensure_future(anext(events))
        await store.write(Put(a_task("t")))
        async with asyncio.timeout(30):
            event = await coming
        assert (place.kind, event.kind, event.data["task_id"]) == ("place", "state", "t")
        assert [
            e.data["task_id"] for e in await read(store, changes, after=parse_place(place.id))
        ] == ["t"]
        await events.aclose()
        assert not changes._any


async def test_what_is_kept_no_more_is_a_gap(tmp_path):
    async with opened(tmp_path, past_bytes=0) as (store, changes):
        await some_writes(store)
    async with opened(tmp_path, past_bytes=0) as (store, changes):
        await store.write(Put(Message("t", "late")))
        events = await read(store, changes)
        assert [event.kind for event in events] == ["gap", "message"]
        assert "kept no more" in events[0].data["message"]
        assert await read(store, changes, after=parse_place(events[0].id)) == events[1:]


async def test_an_id_of_another_store_is_a_gap():
    store = MemoryStore()
    changes = Changes(store, 100)
    await store.write(Put(a_task("t")))
    (gap,) = await read(store, changes, after=2**62)
    assert gap.kind == "gap"
    assert parse_place(gap.id) < Place(2**62)


async def test_a_quiet_reader_is_told_how_far_it_is(monkeypatch):
    monkeypatch.setattr("drydockd.tasks.views.feed._QUIET_WRITES", 3)
    store = MemoryStore()
    changes = Changes(store, 100)
    await store.write(Put(a_task("t")))
    feed = Feed(store, changes, EventFilter(nodes=frozenset({"nobody"})))
    events = aiter(feed)
    first = await anext(events)
    coming = asyncio.ensure_future(anext(events))
    for number in range(3):
        await store.write(Put(Message("t", str(number))))
    async with asyncio.timeout(30):
        second = await coming
    assert (second.kind, second.data) == ("place", {})
    assert parse_place(second.id) > parse_place(first.id)
    await events.aclose()


async def test_only_what_is_wanted_is_told():
    async with Lab(initial="ready") as lab:
        task = await lab.submit("deploy_nodes")
        await lab.finished(task.task_id)
        other = await lab.submit("verify_site")
        await lab.finished(other.task_id)

        async def told(**wanted):
            feed = lab.tasks.feed(EventFilter(**wanted), after=Place(0), until_now=True)
            return [event async for event in feed if event.kind not in ("place", "gap")]

        everything = await told()
        assert {event.kind for event in everything} == set(CHOICES)
        assert {event.data["root_task_id"] for event in everything} == {
            task.task_id,
            other.task_id,
        }
        nodes = await told(kinds=frozenset({"node"}))
        assert nodes == [event for event in everything if event.kind == "node"]
        mine = await told(task_id=task.task_id)
        assert mine == [e for e in everything if e.data["root_task_id"] == task.task_id]
        members = {t.task_id for t in lab.tree(task.task_id)}
        assert {event.data["task_id"] for event in mine} == members
        name = nodes[0].data["node"]
        of_node = await told(nodes=frozenset({name}))
        assert {e.data["node"] for e in of_node if e.kind == "node"} == {name}
        assert set(CHOICES) == {e.kind for e in of_node}
        assert len(of_node) < len(mine)
