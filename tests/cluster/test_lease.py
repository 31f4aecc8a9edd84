"""A lease with a keeper that answers as it is told, and a clock that stands still."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from drydockd.cluster.lease import Lease
from drydockd.errors import NotRunner, StoreUnavailable
from drydockd.store.base import Epoch
from drydockd.store.lease import Beat, Report

TTL = 8.0


def mine(number, offset=0.0):
    return Beat(Epoch(number), "east", offset, live=2)


def theirs(name="west", offset=0.0):
    return Beat(None, name, offset, live=2)


class ScriptedKeeper:
    """Answers one by one; an exception is raised, an awaitable is waited for."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.wanted = []
        self.has_left = self.is_closed = False
        self.freed = lambda: None

    def when_freed(self, freed):
        self.freed = freed

    async def beat(self, report, ttl, *, wants):
        assert (report, ttl) == (Report(applied=7), TTL)
        self.wanted.append(wants)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Beat) else await answer

    async def leave(self):
        self.has_left = True

    async def close(self):
        self.is_closed = True


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Watched:
    def __init__(self):
        self.moments = []

    def live_until(self, moment):
        self.moments.append(moment)


class Bench:
    def __init__(self, *answers):
        self.keeper = ScriptedKeeper(*answers)
        self.clock, self.warden, self.reasons = Clock(), Watched(), []
        self.lease = Lease(
            self.keeper,
            TTL,
            name="east",
            report=lambda: Report(applied=7),
            lost=self.reasons.append,
            warden=self.warden,
            clock=self.clock,
        )


@asynccontextmanager
async def bench(*answers):
    made = Bench(*answers)
    yield made
    await made.lease.leave()


async def test_a_daemon_that_holds_nothing_may_nothing():
    async with bench(theirs()) as it:
        await it.lease.beat()

        assert not it.lease.is_runner
        assert it.lease.runner == "west"
        with pytest.raises(NotRunner):
            it.lease.guard()
        with pytest.raises(NotRunner):
            await it.lease.may_act()


async def test_the_clock_is_measured_before_anything_is_wanted():
    async with bench(theirs(None), mine(1)) as it:
        await it.lease.beat()
        await it.lease.beat()

        assert it.keeper.wanted == [False, True]
        assert await it.lease.gained() == Epoch(1) == it.lease.guard()


@pytest.mark.parametrize("offset", [5.1, -5.1])
async def test_a_daemon_whose_clock_is_off_does_not_want_it(offset):
    async with bench(theirs(offset=offset), theirs(offset=offset)) as it:
        await it.lease.beat()
        await it.lease.beat()

        assert it.keeper.wanted == [False, False]
        assert it.lease.offset_seconds == offset


async def test_whoever_waits_for_it_is_told():
    async with bench(mine(4)) as it:
        waiting = asyncio.create_task(it.lease.gained())
        await asyncio.sleep(0)

        await it.lease.beat()

        assert await waiting == Epoch(4)


async def test_it_holds_for_three_quarters_counted_from_before_it_was_asked_for():
    async def slowly():
        it.clock.now += 1.5
        return mine(1)

    async with bench() as it:
        it.keeper.answers.append(slowly())
        await it.lease.beat()

        assert it.lease.valid_until == 1000.0 + 0.75 * TTL
        assert it.warden.moments == [1000.0 + 0.75 * TTL]
        assert it.lease.reach_seconds == TTL / 4


async def test_while_it_is_unclear_an_act_waits_for_the_next_beat():
    async with bench(mine(1), mine(1)) as it:
        await it.lease.beat()
        it.clock.now += 0.75 * TTL
        acting = asyncio.create_task(it.lease.may_act())
        await asyncio.sleep(0)
        assert not acting.done()

        await it.lease.beat()

        await acting


async def test_an_act_that_waited_in_vain_is_refused():
    async with bench(mine(1), theirs()) as it:
        await it.lease.beat()
        it.clock.now += 0.75 * TTL
        acting = asyncio.create_task(it.lease.may_act())
        await asyncio.sleep(0)

        await it.lease.beat()

        with pytest.raises(NotRunner):
            await acting
        assert it.reasons == ["west runs the tasks now"]


async def test_a_lost_lease_is_told_once_and_never_wanted_back():
    async with bench(mine(1), theirs(), mine(3)) as it:
        for _ in range(3):
            await it.lease.beat()
        it.lease.over("the store refused epoch 1")

        assert it.reasons == ["west runs the tasks now"]
        assert not it.lease.is_runner
        # Nobody told the warden that it may live on.
        assert None not in it.warden.moments


async def test_a_refused_write_ends_it_too():
    async with bench(mine(1)) as it:
        await it.lease.beat()

        it.lease.over("the store refused epoch 1")

        assert it.reasons == ["the store refused epoch 1"]
        with pytest.raises(NotRunner):
            it.lease.guard()


async def test_what_nobody_took_goes_on_with_the_new_epoch():
    async with bench(mine(1), mine(2)) as it:
        await it.lease.beat()
        await it.lease.beat()

        assert it.lease.guard() == Epoch(2)
        assert not it.reasons


async def test_without_an_answer_it_ends_when_its_time_is_over():
    """The loop's own clock runs here: the time is over already."""
    ended = asyncio.Event()
    it = Bench(mine(1), StoreUnavailable("no route to host"))
    it.lease._lost = lambda why: (it.reasons.append(why), ended.set())
    it.clock.now -= 2 * TTL  # asked long ago
    asked = it.clock.now

    async def late():
        it.clock.now = asked + TTL
        return mine(1)

    it.keeper.answers[0] = late()
    await it.lease.beat()

    await ended.wait()

    assert it.reasons == ["the lease could not be renewed in time"]
    await it.lease.leave()
    assert not it.keeper.has_left


async def test_a_beat_that_fails_changes_nothing(caplog):
    error = StoreUnavailable("no route to host")
    async with bench(mine(1), error, error, mine(1)) as it:
        heard = [await it.lease.beat() for _ in range(4)]

        assert heard == [True, False, False, True]
        assert it.lease.guard() == Epoch(1)
        assert len([r for r in caplog.records if "no route to host" in r.message]) == 1


async def test_leaving_gives_it_away_and_lets_the_process_live():
    async with bench(mine(1)) as it:
        await it.lease.beat()

        await it.lease.leave()

        assert it.keeper.has_left
        assert it.keeper.is_closed
        assert it.warden.moments[-1] is None
        assert not it.reasons
        with pytest.raises(NotRunner):
            await it.lease.may_act()


async def test_who_never_had_it_gives_nothing_away():
    async with bench(theirs()) as it:
        await it.lease.beat()

        await it.lease.leave()

        assert not it.keeper.has_left
        assert it.keeper.is_closed


async def test_what_a_last_beat_gains_is_given_away_too():
    it, asked, answer = Bench(theirs()), asyncio.Event(), asyncio.get_running_loop().create_future()

    async def held_back():
        asked.set()
        return await answer

    it.keeper.answers.append(held_back())
    it.lease.start()
    await asked.wait()
    leaving = asyncio.create_task(it.lease.leave())
    await asyncio.sleep(0)
    assert not leaving.done()

    answer.set_result(mine(1))
    await leaving

    assert it.keeper.has_left
    assert not it.lease.is_runner


async def test_what_was_lost_is_not_given_away():
    """Something may still be at work here: the others wait for its end."""
    async with bench(mine(1)) as it:
        await it.lease.beat()
        it.lease.over("the store refused epoch 1")

        await it.lease.leave()

        assert not it.keeper.has_left


async def test_a_clock_that_cannot_be_measured_is_told():
    async with bench(StoreUnavailable("no route to host"), theirs(offset=3.0)) as it:
        with pytest.raises(StoreUnavailable, match="no route to host"):
            await it.lease.measure()
        await it.lease.measure()

        assert it.lease.offset_seconds == 3.0


async def test_the_first_measurement_may_take_as_long_as_a_lease(monkeypatch):
    bounds, real = [], asyncio.timeout

    def noted(seconds):
        bounds.append(seconds)
        return real(seconds)

    async with bench(theirs(), theirs()) as it:
        monkeypatch.setattr(asyncio, "timeout", noted)
        await it.lease.measure()
        await it.lease.beat()
        assert bounds == [TTL, TTL / 4]


async def test_started_it_beats_and_asks_at_once_when_it_is_given_away():
    async with bench(theirs(), theirs()) as it:
        it.lease.ttl = 3600.0  # of its own accord it would not ask again
        asked = asyncio.Event()

        async def given():
            asked.set()
            return mine(9)

        it.keeper.beat = _without_ttl(it.keeper)
        it.keeper.answers.append(given())
        it.lease.start()
        while len(it.keeper.wanted) < 2:
            await asyncio.sleep(0)

        it.keeper.freed()

        await asked.wait()
        assert await it.lease.gained() == Epoch(9)


def _without_ttl(keeper):
    beat = keeper.beat
    return lambda report, ttl, *, wants: beat(report, TTL, wants=wants)


async def test_beats_that_fail_for_good_end_the_process():
    it = Bench(RuntimeError("a defect"))
    ended = asyncio.Event()
    it.lease._lost = lambda why: (it.reasons.append(why), ended.set())

    it.lease.start()
    await ended.wait()

    assert it.reasons == ["its beats failed: RuntimeError('a defect')"]
    await it.lease.leave()
