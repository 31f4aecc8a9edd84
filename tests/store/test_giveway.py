"""A thread with long work and a loop that goes on."""

import asyncio
from collections import Counter

from drydockd.store.giveway import giving_way


async def test_the_loop_has_a_turn_between_two_slices_of_a_thread():
    turns = 0
    give_way = giving_way(asyncio.get_running_loop())

    def work() -> list[int]:
        seen = []
        for _ in range(20):
            seen.append(turns)
            give_way()
        return seen

    working = asyncio.ensure_future(asyncio.to_thread(work))
    while not working.done():
        turns += 1
        await asyncio.sleep(0)
    seen = working.result()
    # Two, as the thread may go on before the counter has its turn.
    assert max(Counter(seen).values()) <= 2


def test_a_loop_that_ended_is_not_waited_for():
    loop = asyncio.new_event_loop()
    loop.close()
    giving_way(loop)()
