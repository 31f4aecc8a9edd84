"""Pieces of work take turns: a round of the loop has so much time for all of them."""

import asyncio
import itertools

import pytest

from drydockd.drivers.node.netboot.pace import Pace


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def did(clock):
    return Did(clock)


class Did(list):
    """What was done, in order; each piece takes a second by the clock."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def work(self, name):
        self._clock.now += 1
        self.append(name)
        return name


async def test_a_round_takes_what_it_has_time_for_and_the_next_the_rest(clock, did):
    pace = Pace(2, clock)
    rounds = []
    tasks = [asyncio.create_task(pace.run(lambda n=n: did.work(n))) for n in range(5)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        rounds.append(len(did))
    assert [task.result() for task in tasks] == did == list(range(5))
    assert {after - before for before, after in itertools.pairwise(rounds)} <= {0, 1, 2}


async def test_who_asks_first_is_served_first(clock, did):
    pace = Pace(1, clock)
    asked = []

    async def thrice(name):
        for number in range(3):
            asked.append(f"{name}{number}")
            await pace.run(lambda number=number: did.work(f"{name}{number}"))

    await asyncio.gather(*(thrice(name) for name in "abc"))
    assert did == asked


async def test_what_work_raises_is_raised_where_it_came_from(clock, did):
    pace = Pace(1, clock)

    def fails():
        raise ValueError("mine")

    first, second, third = await asyncio.gather(
        pace.run(lambda: did.work("a")),
        pace.run(fails),
        pace.run(lambda: did.work("b")),
        return_exceptions=True,
    )
    assert (first, str(second), third) == ("a", "mine", "b")


async def test_who_is_cancelled_while_waiting_has_nothing_done(clock, did):
    pace = Pace(1, clock)
    await pace.run(lambda: did.work("a"))
    waits = asyncio.create_task(pace.run(lambda: did.work("b")))
    last = asyncio.create_task(pace.run(lambda: did.work("c")))
    waits.cancel()
    assert await last == "c"
    assert did == ["a", "c"]
