"""A room, near and far: what one can do the other must do the same way."""

import contextlib

import pytest

from drydockd.room.room import Room
from tests.room import helpers


@pytest.fixture
async def open_room(tmp_path):
    """Opens rooms that close with the test."""
    rooms = []

    def open_(config=None):
        rooms.append(Room(config or helpers.quick(), tmp_path / f"room{len(rooms)}"))
        return rooms[-1]

    yield open_
    for room in rooms:
        await room.close()


@pytest.fixture
def room(open_room):
    return open_room()


@pytest.fixture(params=["near", "far"])
async def site(request, open_room):
    """``await site(config)``: the drivers of a new room, in this process or over HTTP."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(config=None, **options):
            room = open_room(config)
            made = helpers.Site(room, **options)
            if request.param == "far":
                url, _ = await stack.enter_async_context(helpers.served(room))
                made = helpers.Site(room, url, **options)
                stack.push_async_callback(made.close)
            return made

        yield make


@pytest.fixture
async def daemon():
    async with helpers.Daemon().running() as daemon:
        yield daemon
