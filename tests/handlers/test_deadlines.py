import asyncio

from drydockd.handlers.deadlines import Deadlines


async def test_what_does_not_come_in_time_is_told_once_and_in_order():
    told: asyncio.Queue[str] = asyncio.Queue()
    waiting = Deadlines(0.01, told.put_nowait)
    for key in ("a", "b", "c"):
        waiting.begin(key)
    waiting.end("b")

    async with asyncio.timeout(20):
        assert [await told.get(), await told.get()] == ["a", "c"]
    assert len(waiting) == 0
    waiting.begin("d")
    async with asyncio.timeout(20):
        assert await told.get() == "d"
    assert told.empty()


async def test_what_begins_again_has_its_whole_time_again():
    told = []
    waiting = Deadlines(1000, told.append)
    waiting.begin("a")
    waiting.begin("b")
    waiting.begin("a")
    assert list(waiting._until) == ["b", "a"]
    waiting.end("nobody")


async def test_a_thousand_that_came_share_one_timer():
    waiting = Deadlines(1000, print)
    waiting.begin("first")
    timer = waiting._timer
    for key in range(1000):
        waiting.begin(key)
        waiting.end(key)
    assert waiting._timer is timer
    assert len(waiting) == 1
