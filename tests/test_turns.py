"""Places are given to owners in turn, whoever asked for how much."""

import asyncio

import pytest

from drydockd.errors import Busy
from drydockd.turns import Turns


def turns(**more):
    given = {"places": 1, "most_of_one": 1, "waiting": 100, "waiting_of_one": 100}
    return Turns("things", **{**given, **more})


class Users:
    """Users of places; each holds its place until it is told to leave."""

    def __init__(self, turns):
        self.turns = turns
        self.order = []
        self.leave = {}
        self.tasks = {}

    async def come(self, name):
        self.leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._use(name))
        await settle()

    async def _use(self, name):
        async with self.turns.turn(name[0]):
            self.order.append(name)
            await self.leave[name].wait()

    async def end(self, name):
        self.leave[name].set()
        await settle()


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_owners_are_served_in_turn_and_each_in_its_own_order():
    users = Users(turns())
    for name in ("a1", "a2", "a3", "b1", "c1", "b2"):
        await users.come(name)
    while len(users.order) < 6:
        await users.end(users.order[-1])
    assert users.order == ["a1", "a2", "b1", "c1", "a3", "b2"]


async def test_one_owner_never_has_all_places():
    users = Users(turns(places=3, most_of_one=2))
    for name in ("a1", "a2", "a3", "b1"):
        await users.come(name)
    assert users.order == ["a1", "a2", "b1"]
    await users.end("b1")
    assert users.order == ["a1", "a2", "b1"]
    await users.end("a1")
    assert users.order == ["a1", "a2", "b1", "a3"]


async def test_who_comes_to_a_full_queue_is_told_to_come_again():
    users = Users(turns(waiting=2, waiting_of_one=1))
    for name in ("a1", "a2"):
        await users.come(name)
    with pytest.raises(Busy, match="too many things wait: 1 in all, 1 of this owner"):
        async with users.turns.turn("a"):
            pass
    await users.come("b1")
    with pytest.raises(Busy, match="2 in all, 0 of this owner"):
        async with users.turns.turn("c"):
            pass


async def test_who_gives_up_waiting_leaves_no_place_behind():
    users = Users(turns())
    for name in ("a1", "b1", "c1"):
        await users.come(name)
    users.tasks["b1"].cancel()
    await users.end("a1")
    assert users.order == ["a1", "c1"]
    # Its place was given to it in the very moment it gave up.
    await users.come("d1")
    users.leave["c1"].set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    users.tasks["d1"].cancel()
    await settle()
    async with users.turns.turn("e"):
        assert users.turns.waiting == 0


async def test_who_is_cancelled_together_with_the_holder_is_passed_over():
    users = Users(turns())
    for name in ("a1", "a2", "b1", "c1"):
        await users.come(name)
    # The holder ends first: its place would be a2's, whose wait is cancelled, not yet over.
    for name in ("a1", "a2", "b1"):
        users.tasks[name].cancel()
    ended = await asyncio.gather(
        *(users.tasks[name] for name in ("a1", "a2", "b1")), return_exceptions=True
    )
    assert [type(end) for end in ended] == [asyncio.CancelledError] * 3
    await settle()
    assert (users.order, users.turns.waiting) == (["a1", "c1"], 0)
    await users.end("c1")
    await users.come("d1")
    assert users.order[-1] == "d1"
