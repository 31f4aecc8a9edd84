"""What pages are told of a task: nothing lost, nothing twice, whenever they come and come back."""

import asyncio
import re

import pytest

from drydockd.model import Message, TaskStatus
from drydockd.store import Put
from drydockd.tasks import TooSlow
from drydockd.web import taskwatch
from tests.web.tasking import ROOT, record


class Told:
    """The lines a page has, from the events it was sent."""

    def __init__(self):
        self.lines, self.last, self.events = [], None, []

    def take(self, data):
        text = data.decode().replace("\ndata: ", "\n")
        self.events.append(text)
        self.last = re.match(r"id: (\S+)", text)[1]
        if 'hx-target="#log-lines" hx-swap="innerHTML"' in text:
            self.lines = []
        self.lines += re.findall(r"said \d+", text)


async def follow(watch, told, seen, node=None, until=None):
    async for data in watch.follow(node, seen):
        told.take(data)
        if until is not None and until():
            return


async def test_a_page_that_stays_is_told_everything_once_and_the_end(watched):
    await watched.say(3)
    watch = await watched.watch()
    shown = await watch.shown(None)
    assert re.findall(r"said \d+", shown.lines) == watched.all()
    told = Told()
    reading = asyncio.create_task(follow(watch, told, shown.event_id))
    for count in (1, 120, 7):
        await watched.say(count)
    await watched.end()
    await asyncio.wait_for(reading, 20)
    assert told.lines == watched.all()[3:]
    assert "done" in told.events[-1]


async def test_one_event_has_fifty_messages_at_most(watched):
    watch = await watched.watch()
    told = Told()
    await watched.say(220)
    await watched.end()
    await asyncio.wait_for(follow(watch, told, (await watch.shown(None)).event_id), 20)
    counts = [len(re.findall(r"said \d+", text)) for text in told.events]
    assert max(counts, default=0) <= 50


async def test_what_comes_within_a_pause_is_told_together(watched, monkeypatch):
    monkeypatch.setattr(taskwatch, "PAUSE_SECONDS", 3600.0)
    watch = await watched.watch()
    told = Told()
    reading = asyncio.create_task(follow(watch, told, watch.event_id))
    for _ in range(10):
        await watched.say()
    await watched.end()
    await asyncio.wait_for(reading, 20)
    assert told.lines == watched.all()
    assert len([text for text in told.events if "said" in text]) == 1


async def test_a_page_that_comes_back_goes_on_behind_what_it_saw(watched):
    watch = await watched.watch()
    told = Told()
    await watched.say(60)
    first = watch.event_id
    reading = asyncio.create_task(follow(watch, told, first, until=lambda: len(told.lines) >= 50))
    await watched.say(60)
    await asyncio.wait_for(reading, 20)
    had = list(told.lines)
    await watched.say(5)
    await watched.end()
    await asyncio.wait_for(follow(watch, told, told.last), 20)
    assert told.lines[: len(had)] == had
    assert len(set(told.lines)) == len(told.lines)
    assert told.lines[-1] == watched.all()[-1]


async def test_a_page_that_saw_another_daemon_gets_the_whole_in_place_of_what_it_has(watched):
    await watched.say(10)
    watch = await watched.watch()
    told = Told()
    told.lines = ["said 0", "said 1", "said 1"]
    reading = asyncio.create_task(follow(watch, told, "an-older.17"))
    await watched.say(4)
    await watched.end()
    await asyncio.wait_for(reading, 20)
    assert told.lines == watched.all()


async def test_a_page_of_one_node_is_told_of_this_node_only(watched):
    watch = await watched.watch()
    told = Told()
    reading = asyncio.create_task(follow(watch, told, watch.event_id, node="n1"))
    await watched.store.write(
        Put(Message(ROOT, "said 100", context_type="node", context="n1")),
        Put(Message(ROOT, "said 200", context_type="node", context="n2")),
        Put(Message(ROOT, "said 300")),
    )
    await watched.end()
    await asyncio.wait_for(reading, 20)
    assert told.lines == ["said 100"]


def step_of(node, number, status=TaskStatus.RUNNING):
    """The record of a step of one node, below the task."""
    return record(f"00000000-0000-4000-8000-00000000{number:04}", parent_task_id=ROOT,
                  scope=(node,), status=status)  # fmt: skip


async def test_what_a_page_of_a_node_shows_is_made_for_nodes_with_a_page_open_only(
    watched, monkeypatch
):
    watch = await watched.watch()
    made = []
    node = watch._parts.node
    monkeypatch.setattr(
        type(watch._parts),
        "node",
        lambda _, tree, name, why: made.append(name) or node(tree, name, why),
    )
    told, whole = Told(), Told()
    readers = [
        asyncio.create_task(follow(watch, told, watch.event_id, node="n1")),
        asyncio.create_task(follow(watch, whole, watch.event_id)),
    ]
    while not told.events:
        await asyncio.sleep(0)
    await watched.store.write(Put(step_of("n1", 11)), Put(step_of("n2", 12)))
    await watched.end()
    await asyncio.wait_for(asyncio.gather(*readers), 20)
    assert set(made) == {"n1"}
    assert watch._pages == {}


async def test_a_page_of_a_node_that_opens_its_stream_late_is_told_how_the_node_is(watched):
    watch = await watched.watch()
    seen = (await watch.shown("n1")).event_id
    await watched.store.write(Put(step_of("n1", 11, TaskStatus.COMPLETE)))
    await watched.end()
    await asyncio.wait([watch._work], timeout=20)
    told = Told()
    await asyncio.wait_for(follow(watch, told, seen, node="n1"), 20)
    assert told.events[0].startswith(f"id: {seen}\n")
    assert 'hx-target="#task-node"' in told.events[0]
    assert watch._node("n1") in told.events[0]


async def test_a_page_too_slow_for_what_is_kept_is_dropped(watched, monkeypatch):
    monkeypatch.setattr(taskwatch, "KEPT_EVENTS", 2)
    watch = await watched.watch()
    reader = watch.follow(None, watch.event_id)
    await watched.say(1)
    await anext(reader)
    await watched.say(300)
    await watched.end()
    await asyncio.wait([watch._work], timeout=20)
    with pytest.raises(TooSlow):
        async for _ in reader:
            pass
