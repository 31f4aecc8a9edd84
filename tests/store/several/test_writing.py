"""What the tests of failures judge by: it sees each kind of fault that it is to see."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.model import Message, Task
from drydockd.store import Edit, Put, Remove, open_store
from tests.store.several.replica import COUNTER, SHARED, replica_of
from tests.store.several.writing import crew

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A process that wrote to a store of its own, and the folder of that store."""
    folder = tmp_path_factory.mktemp("store") / "state"
    with crew() as one:
        member = one.add("a", backend="tiny", path=str(folder))
        one.go()
        member.wait_for(60)
        verdict = one.settle()
        assert not verdict.faults(), verdict
        assert verdict.acknowledged >= 60
        seen = member.look()
        member.process.stdin.close()
        assert member.ended() == 0, member.errors()
        yield one, folder, seen


def shown(folder, change=None):
    """What the store of `folder` shows when opened anew, after `change(store)`: in memory only."""

    async def look():
        store = await open_store("tiny", folder)
        copy = await open_store("memory")
        for task in store.tasks():
            await copy.write(Put(task))
            for message in store.messages(task.task_id):
                await copy.write(Put(message))
        await store.close()
        if change:
            await change(copy)
        return replica_of(copy)

    return asyncio.run(look())


def faults(written, change=None):
    one, folder, _ = written
    return one.judge({"a": shown(folder), "b": shown(folder, change)}).faults()


def test_a_store_that_was_opened_again_shows_what_was_written(written):
    one, folder, seen = written
    assert not faults(written)
    assert shown(folder)["documents"]["messages"] == seen["documents"]["messages"]
    assert set(one.members[0].wrote.values()) == {"task", "say", "count"}


def test_a_lost_write_is_seen(written):
    one, _, _ = written
    mark = next(mark for mark, kind in one.members[0].wrote.items() if kind == "task")
    found = faults(written, lambda store: store.write(Remove(Task, mark)))
    assert found["lost"] == [f"{mark} in b"]
    assert found["different"]


def test_a_write_that_was_done_twice_is_seen(written):
    async def again(store):
        said = store.messages(SHARED)[0]
        await store.write(Put(replace(said, seq=0)))

    found = faults(written, again)
    assert len(found["twice"]) == 1
    assert found["different"]


def test_half_a_write_is_seen(written):
    counted = Edit(Task, COUNTER, lambda task: replace(task, retry=task.retry + 1))
    found = faults(written, lambda store: store.write(counted))
    assert "counter" in found["half"][0]
    found = faults(written, lambda store: store.write(Put(Task("x/1/1", "noop"))))
    assert found["half"] == ["task x/1/1 in b"]


def test_a_write_that_was_refused_and_is_there_is_seen(written):
    one, folder, _ = written
    member = one.members[0]
    mark, kind = member.wrote.popitem()
    member.refused[mark] = "StoreUnavailable"
    try:
        found = one.judge({"a": shown(folder)}).faults()
    finally:
        del member.refused[mark]
        member.wrote[mark] = kind
    assert found == {"refused_but_there": [f"{mark} in a"]}


def test_other_contents_in_the_same_number_are_seen(written):
    other = Edit(Task, SHARED, lambda task: replace(task, design_ref="another"))
    found = faults(written, lambda store: store.write(other))
    assert list(found) == ["different"]


def test_another_order_of_messages_is_seen(written):
    async def turn(store):
        texts = [message.message for message in store.messages(SHARED)]
        task = store.task(SHARED)
        await store.write(Remove(Task, SHARED), Put(task))
        for text in reversed(texts):
            await store.write(Put(Message(SHARED, text)))

    assert list(faults(written, turn)) == ["different"]
