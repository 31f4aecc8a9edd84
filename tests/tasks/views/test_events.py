import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from drydockd.errors import NotFound
from drydockd.model import timestamp
from drydockd.tasks import TooSlow
from drydockd.tasks.shared import endings
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.steps import step as steps
from drydockd.tasks.views import events
from drydockd.tasks.words import messages as words
from drydockd.tasks.words import records
from tests.tasks.helpers import Lab, names, site_text


async def read(stream):
    return [event async for event in stream]


def finals(events):
    return {e.data["task_id"] for e in events if e.data.get("status") in ("complete", "terminated")}


def told(events):
    return [(e.data["task_id"], e.data["seq"]) for e in events if e.kind == "message"]


def messages(events):
    return set(told(events))


def all_messages(lab, task):
    return {
        (t.task_id, m.seq) for t in lab.tree(task.task_id) for m in lab.store.messages(t.task_id)
    }


async def test_a_reader_sees_every_state_node_and_message_of_the_tree_until_its_end():
    async with Lab(initial="ready") as lab:
        task = await lab.submit("deploy_nodes")
        other = await lab.submit("verify_site")
        async with asyncio.timeout(20):
            events = await read(lab.tasks.events(task.task_id))

        members = {t.task_id for t in lab.tree(task.task_id)}
        assert finals(events) == members
        assert messages(events) == all_messages(lab, task)
        assert other.task_id not in {e.data["task_id"] for e in events}
        assert [e.id for e in events] == sorted(e.id for e in events)
        nodes = [e.data for e in events if e.kind == "node" and e.data["status"] == "complete"]
        assert {(n["node"], n["action"]) for n in nodes} >= {
            (name, "deploy_node") for name in names(3)
        }
        last = [e for e in events if e.kind == "state"][-1]
        assert (last.data["task_id"], last.data["result"]) == (task.task_id, "success")


async def test_a_reader_that_comes_after_the_end_gets_the_whole_story():
    async with Lab(initial="ready") as lab:
        task = await lab.run("deploy_nodes")
        async with asyncio.timeout(20):
            events = await read(lab.tasks.events(task.task_id))

        assert messages(events) == all_messages(lab, task)
        assert finals(events) == {t.task_id for t in lab.tree(task.task_id)}


@pytest.mark.parametrize("after_restart", [False, True])
async def test_a_reader_that_comes_back_misses_nothing(after_restart):
    async with Lab(initial="ready") as lab:
        task = await lab.submit("deploy_nodes")
        seen = []
        stream = lab.tasks.events(task.task_id)
        async for event in stream:
            seen.append(event)
            if len(seen) == 25:
                break
        stream.close()
        if after_restart:
            await lab.restart()
        await lab.finished(task.task_id)
        async with asyncio.timeout(20):
            rest = await read(lab.tasks.events(task.task_id, seen[-1].id))

        assert messages(seen) | messages(rest) == all_messages(lab, task)
        assert finals(seen) | finals(rest) == {t.task_id for t in lab.tree(task.task_id)}
        if not after_restart:
            assert not messages(seen) & messages(rest)


class Hands:
    """A clock that is where it is put: `timestamp` for a module under test."""

    def __init__(self, step):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.step = timedelta(seconds=step)

    def __call__(self):
        self.now += self.step
        return timestamp(self.now)


@pytest.mark.parametrize("after_restart", [False, True])
@pytest.mark.parametrize("step", [0, -1])
async def test_a_reader_misses_nothing_when_the_clock_stands_still_or_steps_back(
    monkeypatch, step, after_restart
):
    async with Lab(initial="ready", latencies={"deploy": 0.05}) as lab:
        task = await lab.submit("deploy_nodes")
        seen = []
        stream = lab.tasks.events(task.task_id)
        async for event in stream:
            seen.append(event)
            if len(seen) == 25:
                break
        stream.close()
        for module in (words, endings, records, steps):
            monkeypatch.setattr(module, "timestamp", Hands(step))
        if after_restart:
            await lab.restart()
        await lab.finished(task.task_id)
        async with asyncio.timeout(5):
            rest = await read(lab.tasks.events(task.task_id, seen[-1].id))

        assert messages(seen) | messages(rest) == all_messages(lab, task)
        assert finals(seen) | finals(rest) == {t.task_id for t in lab.tree(task.task_id)}
        in_order = [
            e.data["seq"] for e in rest if e.data["task_id"] == task.task_id and e.kind == "message"
        ]
        assert in_order == sorted(in_order)
        assert rest[-1].data["status"] == "complete"


@pytest.mark.parametrize("is_live", [False, True])
async def test_a_reader_may_leave_behind_any_event(is_live):
    async with Lab(site_text(1), initial="ready") as lab:
        task = await (lab.submit if is_live else lab.run)("deploy_nodes")
        async with asyncio.timeout(5):
            whole = await read(lab.tasks.events(task.task_id))
        for left in range(1, len(whole)):
            seen = whole[:left]
            rest = await read(lab.tasks.events(task.task_id, seen[-1].id))
            assert messages(seen) | messages(rest) == all_messages(lab, task)
            assert finals(seen) | finals(rest) == {t.task_id for t in lab.tree(task.task_id)}


async def test_a_tree_that_grows_while_it_is_told_is_told_once(monkeypatch):
    monkeypatch.setattr(events, "SLICE", 1)
    async with Lab(initial="ready") as lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: len(lab.tree(task.task_id)) > 4)
        async with asyncio.timeout(5):
            found = await read(lab.tasks.events(task.task_id))
        assert len(told(found)) == len(messages(found))
        assert messages(found) == all_messages(lab, task)
        assert [e.id for e in found] == sorted(e.id for e in found)


async def test_a_reader_that_does_not_keep_up_is_dropped():
    lab = Lab(initial="ready")
    lab.with_settings(event_buffer=20)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("deploy_nodes")
        stream = lab.tasks.events(task.task_id)
        await lab.finished(task.task_id)
        assert len(stream._waiting) <= 20
        with pytest.raises(TooSlow):
            await read(stream)
        assert not lab.tasks._changes._listeners


async def test_a_reader_that_leaves_is_forgotten():
    async with Lab(initial="ready") as lab:
        task = await lab.submit("deploy_nodes")
        async for _ in (stream := lab.tasks.events(task.task_id)):
            break
        stream.close()
        await lab.finished(task.task_id)
        assert not lab.tasks._changes._listeners


async def test_an_unknown_task_has_no_events():
    async with Lab() as lab:
        with pytest.raises(NotFound):
            lab.tasks.events("no-such-task")
        assert isinstance(lab.tasks._changes, Changes)
        assert not lab.tasks._changes._listeners


async def test_a_reader_holds_little_of_a_large_tree(monkeypatch):
    """Each of many readers held every message of the tree: 200 MiB for 64 of 200 nodes."""
    async with Lab(initial="ready") as lab:
        task = await lab.run("deploy_nodes")
        decoded, read_messages = [0], lab.store.messages

        def counting(*given, **how):
            found = read_messages(*given, **how)
            decoded[0] += len(found)
            return found

        monkeypatch.setattr(lab.store, "messages", counting)
        tree, seen = len(lab.tree(task.task_id)), 0
        async for event in lab.tasks.events(task.task_id):
            seen += event.kind == "message"
            assert decoded[0] <= tree + seen
        assert seen == decoded[0] > 2 * tree
