import asyncio

import pytest

from drydockd.drivers.base import NodeRow
from drydockd.tasks.views.machines import KEEP_SECONDS, MachineViews
from drydockd.tasks.words.requests import NodeView


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Views:
    """What one node's view is made with, counted."""

    def __init__(self):
        self.asked = 0
        self.trouble = None
        self.store = self.waits = self
        self.gate = asyncio.Event()
        self.gate.set()

    def nodes_of_tasks(self):
        return ["n2", "n1"]

    async def rows(self):
        self.asked += 1
        await self.gate.wait()
        return [NodeRow("n3", 1, 1, "Ready", None, None, "off", None)], self.trouble

    async def words(self):
        return str

    def now(self, host, row, row_error, words):
        return NodeView(host, row, row_error)


@pytest.fixture
def clock():
    return Clock()


async def test_all_nodes_that_anybody_knows_are_there_by_name(clock):
    found = await MachineViews(Views(), clock).all()
    assert [(view.node, view.row is None) for view in found.views] == [
        ("n1", True),
        ("n2", True),
        ("n3", False),
    ]


async def test_however_many_look_it_is_made_once_and_anew_after_a_while(clock):
    views = Views()
    machines = MachineViews(views, clock)
    views.gate.clear()
    looking = [asyncio.ensure_future(machines.all()) for _ in range(50)]
    await asyncio.sleep(0)
    views.gate.set()
    assert len({id(found) for found in await asyncio.gather(*looking)}) == 1
    await machines.all()
    assert views.asked == 1
    clock.now += KEEP_SECONDS
    await machines.all()
    assert views.asked == 2


async def test_who_gives_up_does_not_take_it_from_the_others(clock):
    views = Views()
    machines = MachineViews(views, clock)
    views.gate.clear()
    first, second = (asyncio.ensure_future(machines.all()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    views.gate.set()
    assert len((await second).views) == 3


async def test_a_provisioner_that_does_not_answer_is_told(clock):
    views = Views()
    views.trouble = "no answer"
    assert (await MachineViews(views, clock).all()).trouble == "no answer"


async def test_closing_leaves_nothing_behind(clock):
    views = Views()
    machines = MachineViews(views, clock)
    await machines.close()
    views.gate.clear()
    looking = asyncio.ensure_future(machines.all())
    await asyncio.sleep(0)
    await machines.close()
    with pytest.raises(asyncio.CancelledError):
        await looking
