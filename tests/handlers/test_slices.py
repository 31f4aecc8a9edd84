"""Long work takes turns of the loop together, and owners take turns at it."""

import asyncio

import pytest

from drydockd.handlers import slices as module
from drydockd.handlers.slices import BEGINNING, Door, Slices


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by hand: seconds in `clock[0]`."""
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


async def turns_of_the_loop(until):
    """Count turns of the loop until `until` is done."""
    turns = 0
    while not until.done():
        turns += 1
        await asyncio.sleep(0)
    return turns


async def work(slices, owner, clock, seconds, made, rounds=1):
    for _ in range(rounds):
        await slices.turn(owner)
        clock[0] += seconds
        made.append(owner)


async def test_alone_it_goes_on_at_once_while_there_is_time(clock):
    slices, made = Slices(), []
    one = work(slices, "a", clock, module.TURN_SECONDS / 10, made, rounds=10)
    with pytest.raises(StopIteration):
        one.send(None)  # it never waited
    assert made == ["a"] * 10


async def test_of_all_together_one_turn_makes_no_more_than_its_time(clock):
    slices, made = Slices(), []
    all_of_them = asyncio.gather(
        *(work(slices, f"o{n}", clock, module.TURN_SECONDS, made, rounds=3) for n in range(50))
    )
    most = seen = 0
    while not all_of_them.done():
        await asyncio.sleep(0)
        most, seen = max(most, len(made) - seen), len(made)
    assert (most, len(made), len(slices)) == (1, 150, 0)


async def test_short_slices_share_a_turn(clock):
    slices, made = Slices(), []
    short = module.TURN_SECONDS / 8
    all_of_them = asyncio.gather(*(work(slices, "a", clock, short, made) for _ in range(80)))
    assert await turns_of_the_loop(all_of_them) < 40
    assert len(made) == 80


async def test_who_has_one_waits_behind_nobodys_fifty(clock):
    slices, made = Slices(), []
    many = asyncio.gather(
        *(work(slices, "many", clock, module.TURN_SECONDS, made, rounds=4) for _ in range(50))
    )
    await asyncio.sleep(0)
    await work(slices, "one", clock, module.TURN_SECONDS, made)
    assert made.index("one") < 5
    await many


async def test_who_comes_now_does_not_overtake_who_waits(clock):
    slices, made = Slices(), []
    await work(slices, "first", clock, module.TURN_SECONDS, made)
    waiting = asyncio.ensure_future(work(slices, "second", clock, 0, made))
    await asyncio.sleep(0)
    clock[0] = 0.0  # as if there were time left
    late = asyncio.ensure_future(work(slices, "third", clock, 0, made))
    await asyncio.gather(waiting, late)
    assert made == ["first", "second", "third"]


async def test_who_is_cancelled_holds_up_nobody(clock):
    slices, made = Slices(), []
    await work(slices, "first", clock, module.TURN_SECONDS, made)
    gone = [
        asyncio.ensure_future(work(slices, "gone", clock, module.TURN_SECONDS, made))
        for _ in range(100)
    ]
    stays = asyncio.ensure_future(work(slices, "stays", clock, 0, made))
    await asyncio.sleep(0)
    for one in gone:
        one.cancel()
    await stays
    assert made == ["first", "gone", "stays"]  # one was not cancelled in time
    assert len(slices) == 0


async def test_idle_it_leaves_nothing_on_the_loop(clock):
    slices = Slices()
    await slices.turn("a")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not slices._is_turn


async def begin(door, owner, begun):
    place = door.enter(owner)
    if place is not None:
        await place
    begun.append(owner)


async def test_of_all_that_come_so_many_begin_in_a_turn():
    door, begun = Door(), []
    all_of_them = asyncio.gather(*(begin(door, "a", begun) for _ in range(10 * BEGINNING)))
    most = seen = 0
    while not all_of_them.done():
        await asyncio.sleep(0)
        most, seen = max(most, len(begun) - seen), len(begun)
    assert (most, seen, len(door)) == (BEGINNING, 10 * BEGINNING, 0)


async def test_who_comes_once_begins_before_the_many_that_came_first():
    door, begun = Door(), []
    many = asyncio.gather(*(begin(door, "many", begun) for _ in range(10 * BEGINNING)))
    await asyncio.sleep(0)
    await begin(door, "one", begun)
    assert begun.index("one") <= 2 * BEGINNING
    await many


async def test_a_cancelled_request_takes_no_place_at_the_door():
    door, begun = Door(), []
    gone = [asyncio.ensure_future(begin(door, "gone", begun)) for _ in range(10 * BEGINNING)]
    stays = asyncio.ensure_future(begin(door, "stays", begun))
    await asyncio.sleep(0)
    for one in gone:
        one.cancel()
    await stays
    assert begun == ["gone"] * BEGINNING + ["stays"]
    assert len(door) == 0


async def test_a_door_nobody_comes_to_leaves_nothing_on_the_loop():
    door = Door()
    assert door.enter("a") is None
    for _ in range(3):
        await asyncio.sleep(0)
    assert not door._is_planned
