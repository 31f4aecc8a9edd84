"""A service that is away: who waits, who asks, and when calls go on."""

import asyncio

import pytest

from drydockd.auth.circuit import Circuit
from drydockd.errors import Unavailable


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


class Probes:
    """What the circuit asks with; a test decides how each ends."""

    def __init__(self):
        self.made = []

    def __call__(self):
        self.made.append(asyncio.get_running_loop().create_future())
        return self.made[-1]


@pytest.fixture
def probes():
    return Probes()


@pytest.fixture
def circuit(probes, clock):
    return Circuit("It", probes, pause_seconds=1, patience_seconds=0.01, clock=clock)


async def test_while_all_is_well_nobody_asks(circuit, probes):
    await circuit.ready()
    assert probes.made == []
    assert circuit.trouble is None


async def test_after_a_failure_calls_end_at_once_and_nobody_asks_within_the_pause(circuit, probes):
    circuit.open("It is down: refused", "it does not answer")
    for _ in range(5):
        with pytest.raises(Unavailable, match="it does not answer"):
            await circuit.ready()
    assert probes.made == []


async def test_then_one_probe_is_made_for_all(circuit, probes, clock):
    circuit.open("down", "away")
    clock.now += 1
    calls = [asyncio.create_task(circuit.ready()) for _ in range(20)]
    done, _ = await asyncio.wait(calls)
    assert {type(call.exception()) for call in done} == {Unavailable}
    assert len(probes.made) == 1


async def test_a_probe_that_goes_well_lets_the_calls_go_on(circuit, probes, clock, caplog):
    caplog.set_level("INFO")
    circuit.open("down", "away")
    clock.now += 1
    call = asyncio.create_task(circuit.ready())
    await asyncio.sleep(0)
    probes.made[0].set_result(None)
    await call
    await circuit.ready()
    assert len(probes.made) == 1
    assert "It answers again" in caplog.text


async def test_a_probe_that_fails_keeps_it_closed_and_is_not_told_again(
    circuit, probes, clock, caplog
):
    circuit.open("down", "away")
    clock.now += 1
    call = asyncio.create_task(circuit.ready())
    await asyncio.sleep(0)
    circuit.open("still down", "away")
    probes.made[0].set_exception(ValueError())
    with pytest.raises(Unavailable):
        await call
    with pytest.raises(Unavailable):
        await circuit.ready()
    assert len(probes.made) == 1
    assert [record.message for record in caplog.records] == ["down"]


async def test_who_waits_hears_of_the_next_failure(circuit):
    failure = circuit.failure()
    assert circuit.failure() is failure
    circuit.open("down", "away")
    await failure
    assert not circuit.failure().done()


async def test_a_check_asks_whatever_is_known(circuit, probes):
    check = asyncio.create_task(circuit.check(20))
    await asyncio.sleep(0)
    probes.made[0].set_result(None)
    assert await check is None
    assert await circuit.check(0.01) == "It does not answer in time"
    circuit.open("It is down", "away")
    probes.made[1].set_exception(ValueError())
    await asyncio.sleep(0)
    assert circuit.trouble == "It is down"
