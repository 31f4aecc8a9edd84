"""Concurrent calls for one thing share one piece of work."""

import asyncio
import gc

import pytest

from drydockd.design.flights import Flights


async def test_concurrent_calls_share_the_work():
    flights, started, gate = Flights(), [], asyncio.Event()

    async def work():
        started.append(1)
        await gate.wait()
        return "done"

    calls = [asyncio.create_task(flights.join("k", work)) for _ in range(5)]
    other = asyncio.create_task(flights.join("other", work))
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*calls, other) == ["done"] * 6
    assert len(started) == 2


async def test_the_next_call_starts_anew():
    flights, count = Flights(), iter(range(9))

    async def work():
        return next(count)

    assert [await flights.join("k", work) for _ in range(2)] == [0, 1]


async def test_everyone_gets_the_failure_and_nobody_keeps_it():
    flights, results = Flights(), iter([ValueError("x"), None])

    async def work():
        await asyncio.sleep(0)
        if error := next(results):
            raise error
        return "fine"

    found = await asyncio.gather(
        *(flights.join("k", work) for _ in range(3)), return_exceptions=True
    )
    assert [str(error) for error in found] == ["x"] * 3
    assert await flights.join("k", work) == "fine"


async def test_who_gives_up_does_not_stop_the_others():
    flights, gate = Flights(), asyncio.Event()

    async def work():
        await gate.wait()
        return "done"

    impatient = asyncio.create_task(flights.join("k", work))
    patient = asyncio.create_task(flights.join("k", work))
    await asyncio.sleep(0)
    impatient.cancel()
    gate.set()
    assert await patient == "done"
    assert impatient.cancelled() or isinstance(impatient.exception(), asyncio.CancelledError)


async def test_a_failure_nobody_waits_for_is_no_noise(caplog):
    flights, gate = Flights(), asyncio.Event()

    async def work():
        await gate.wait()
        raise ValueError("unseen")

    alone = asyncio.create_task(flights.join("k", work))
    await asyncio.sleep(0)
    alone.cancel()
    await asyncio.gather(alone, return_exceptions=True)
    gate.set()
    while flights._tasks:
        await asyncio.sleep(0)
    gc.collect()  # asyncio complains about an exception nobody saw when its task goes
    assert not caplog.records


async def test_closing_ends_what_is_under_way():
    flights = Flights()
    call = asyncio.create_task(flights.join("k", asyncio.Event().wait))
    await asyncio.sleep(0)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await call
