import asyncio

from drydockd import acting
from drydockd.tasks.shared.authority import ALONE, bind_here


async def test_a_daemon_alone_may_do_everything_for_ever():
    await ALONE.may_act()

    assert ALONE.guard() is None
    assert ALONE.member is None
    assert ALONE.reach_seconds is None


def test_asking_a_daemon_alone_waits_for_nothing():
    asking = ALONE.may_act()

    try:
        asking.send(None)
    except StopIteration:
        return
    raise AssertionError("it gave way to the loop")


async def test_alone_drivers_ask_nobody_and_among_several_the_lease():
    asked = []

    class Lease:
        reach_seconds = 1.5

        async def may_act(self):
            asked.append(True)

    async def act(authority):
        bind_here(authority)
        await acting.may_act()

    await asyncio.create_task(act(ALONE))
    assert asked == []
    await asyncio.create_task(act(Lease()))
    assert asked == [True]
