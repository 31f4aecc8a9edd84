"""Requests begin one by one."""

import asyncio

from drydockd.drivers.oob.redfish.turns import Turns


async def test_no_two_begin_in_one_turn_of_the_loop():
    turns, begun, number = Turns(), [], 0

    async def begin():
        await turns.take()
        begun.append(number)

    tasks = [asyncio.create_task(begin()) for _ in range(10)]
    while len(begun) < 10:
        number += 1
        await asyncio.sleep(0)
    assert len(set(begun)) == 10
    await asyncio.gather(*tasks)


async def test_who_is_cancelled_holds_nobody_up():
    turns = Turns()
    tasks = [asyncio.create_task(turns.take()) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    await tasks[2]
    await asyncio.gather(*tasks, return_exceptions=True)
