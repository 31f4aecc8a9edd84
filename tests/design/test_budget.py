"""All fetches together have room for so many bytes, and for one document more."""

import asyncio

import pytest

from drydockd.design.budget import MIB, Budget
from drydockd.errors import SourceUnavailable


def budget(**more):
    return Budget(**{"fetches": 2, "most_bytes": 10, "wait_seconds": 600, **more})


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_finds_no_room_waits_until_there_is():
    room = budget()
    first, second = room.open(), room.open()
    await first.grow(8)
    waiting = asyncio.create_task(second.grow(4))
    await settle()
    assert not waiting.done()
    room.close(first)
    await waiting
    assert room.used_bytes == 4


async def test_who_began_first_goes_on_whatever_is_there():
    room = budget()
    first, second = room.open(), room.open()
    await second.grow(10)
    await first.grow(100)
    assert room.used_bytes == 110


async def test_when_the_first_is_done_with_the_next_is_the_first():
    room = budget()
    first, second, third = room.open(), room.open(), room.open()
    await first.grow(10)
    waiting = asyncio.create_task(second.grow(15))
    await settle()
    assert not waiting.done()
    first.settle()
    room.close(first)
    await waiting
    assert room.used_bytes == 15
    room.close(second)
    await third.grow(5)


async def test_documents_that_are_read_and_in_use_do_not_come_together_beyond_the_budget():
    """Twelve references of 60 MiB, each above the budget, were all in memory at once."""
    room, most = budget(), []

    async def use():
        with room.hold() as hold:
            await hold.grow(60)
            hold.settle()
            await settle()
            most.append(room.used_bytes)

    await asyncio.gather(*(use() for _ in range(12)))
    assert most == [60] * 12
    assert room.used_bytes == 0


async def test_what_is_lost_may_come_again():
    room = budget()
    first, second = room.open(), room.open()
    await first.grow(10)
    waiting = asyncio.create_task(second.grow(5))
    await settle()
    first.forget()
    await waiting
    assert room.used_bytes == 5


async def test_no_room_for_too_long_says_what_it_waited_for():
    room = budget(most_bytes=MIB, wait_seconds=0.01)
    first, second = room.open(), room.open()
    await first.grow(MIB)
    with pytest.raises(SourceUnavailable) as away:
        await second.grow(1)
    assert str(away.value) == (
        "waited 0.01 s for room: 1.0 MiB of 1 are fetched and in use (network.fetch_bytes)"
    )


async def test_no_place_for_too_long_says_what_it_waited_for():
    room = budget(wait_seconds=0.01)
    async with room.turn("http://a/", "a"):
        with pytest.raises(SourceUnavailable) as away:
            async with room.turn("http://a/b", "a"):
                pass
        async with room.turn("http://b/", "b"):
            pass
    assert str(away.value).startswith("http://a/b: waited 0.01 s for its turn: 2 fetches at once")
    assert "network.fetches" in str(away.value)


async def test_the_end_of_a_hold_gives_its_room_back():
    room = budget()
    with room.hold() as hold:
        await hold.grow(10)
        assert room.used_bytes == 10
    assert room.used_bytes == 0
