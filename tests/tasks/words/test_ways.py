"""Of two daemons with the same note about a deployment, one writes it."""

import asyncio

import pytest

from drydockd.model import BootContext, Task, timestamp
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.words import ways
from tests.tasks.helpers import KEYS

CONTEXT = BootContext("n1", "c1", "t1", "ref", "digest", timestamp())


def test_what_is_known_or_over_is_not_noted_again():
    once = ways.delivered(CONTEXT, "c1", "units", "now")
    assert once.delivered == {"units": "now"}
    for context, its_id in ((once, "c1"), (CONTEXT, "c0")):
        with pytest.raises(ways.ToldBefore):
            ways.delivered(context, its_id, "units", "later")
    failed = ways.failed(once, "c1", "units", "no")
    with pytest.raises(ways.ToldBefore):
        ways.failed(failed, "c1", "units", "no")
    assert ways.delivered(failed, "c1", "units", "later").failed == {}


class Late(MemoryStore):
    """A store to which writes go together, as those of two daemons may."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()

    async def write(self, *changes, guard=None):
        await self.gate.wait()
        await super().write(*changes, guard=guard)


async def said_by_two(note):
    """Have two daemons make the same note at the same time; return what is said of the task."""
    store = Late()
    store.gate.set()
    await store.write(Put(Task("t1", "deploy_node", created=timestamp())), Put(CONTEXT))
    store.gate.clear()
    daemons = [Deployments(store, KEYS, Changes(store, 8)) for _ in range(2)]
    notes = [asyncio.create_task(note(daemon)) for daemon in daemons]
    await asyncio.sleep(0)
    store.gate.set()
    await asyncio.gather(*notes)
    return [message.message for message in store.messages("t1")]


async def test_a_fetch_is_said_once():
    said = await said_by_two(lambda daemon: daemon.note_delivery("n1", "units"))
    assert said == ["n1: fetched its boot data (units)"]


@pytest.mark.parametrize("is_final", [True, False])
async def test_a_failure_is_said_once(is_final):
    said = await said_by_two(
        lambda daemon: daemon.note_render_failure(CONTEXT, "units", "no", is_final=is_final)
    )
    assert said == ["n1: boot data (units) could not be rendered: no"]


def test_only_what_stays_so_is_kept_as_a_failure():
    passing = ways.troubled(CONTEXT, "c1", "units", "away")
    assert (passing.failed, passing.troubles) == ({}, {"units": "away"})
    with pytest.raises(ways.ToldBefore):
        ways.troubled(passing, "c1", "units", "away")
    assert ways.troubled(passing, "c1", "units", "refused").troubles == {"units": "refused"}
