"""A room over HTTP when the way to it is bad."""

import asyncio
import contextlib

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from drydockd.errors import DriverTransient, NodeUnknown
from drydockd.machines import NodeState, PowerState
from drydockd.room import remote as module
from drydockd.room.card import NodeCard
from drydockd.room.config import FaultConfig
from drydockd.room.remote import RemoteRoom
from drydockd.room.server import make_app
from tests.room.helpers import Site, a_node, a_spec, quick, served, when


@contextlib.asynccontextmanager
async def on_port(room, port):
    server = HTTPServer(make_app(room))
    server.add_sockets(bind_sockets(port, "127.0.0.1"))
    try:
        yield
    finally:
        server.stop()
        await server.close_all_connections()


@contextlib.asynccontextmanager
async def reaching(url):
    remote = RemoteRoom(url)
    try:
        yield remote
    finally:
        await remote.close()


def polling(room):
    """Return an event that is set when somebody waits for changes of the room."""
    polled, changes = asyncio.Event(), room.changes

    async def seen(after, seconds):
        if seconds:
            polled.set()
        return await changes(after, seconds)

    room.changes = seen
    return polled


async def test_a_wait_survives_lost_connections(open_room):
    room = open_room(quick(latencies={"deploy": 0.2}))
    async with served(room) as (url, server), reaching(url) as remote:
        lab = Site(room)
        handle = await lab.prepare(a_node())
        machine = await remote.deploy(handle.id, a_spec())
        polled = polling(room)
        waiting = asyncio.create_task(remote.changed(machine.id, machine.revision))
        await polled.wait()
        for stream in list(server._connections):
            await stream.close()
        machine = await waiting
        assert machine.state is NodeState.DEPLOYED


async def test_a_call_waits_a_moment_for_a_room_that_comes_back(room, monkeypatch):
    async with served(room) as (url, _):
        port = int(url.rpartition(":")[2])
    async with reaching(url) as remote:
        tried, post = asyncio.Event(), remote._calls.post

        async def trying(*args, **kwargs):
            try:
                return await post(*args, **kwargs)
            finally:
                tried.set()

        monkeypatch.setattr(remote._calls, "post", trying)
        call = asyncio.create_task(remote.bmc_power(NodeCard("n1")))
        await tried.wait()
        async with on_port(room, port):
            assert (await call).power is PowerState.OFF


async def test_a_room_that_stays_away_is_a_transient_error(room, monkeypatch):
    monkeypatch.setattr(module, "PAUSES", (0.01,))
    async with served(room) as (url, _):
        pass
    async with reaching(url) as remote:
        with pytest.raises(DriverTransient, match="does not answer"):
            await remote.machines()


async def test_a_call_that_is_repeated_is_done_once(room, monkeypatch):
    async with served(room) as (url, _), reaching(url) as remote:
        lab = Site(room)
        handle = await lab.prepare(a_node())
        real = remote._calls.post
        lost = []

        async def losing(*args, **kwargs):
            answer = await real(*args, **kwargs)
            if not lost:
                # The first answer gets lost behind the deployment that failed meanwhile.
                lost.append(answer)
                await when(room, lambda m: m.state is NodeState.FAILED_DEPLOY)
                raise module.Lost("on its way back")
            return answer

        room.set_faults((FaultConfig(fault="deploy_fails"),))
        monkeypatch.setattr(remote._calls, "post", losing)
        await remote.deploy(handle.id, a_spec())
        assert (await room.machines())[0].counters["deployments"] == 1


async def test_who_waits_learns_that_the_room_was_started_anew(open_room):
    first, second = open_room(), open_room()
    async with served(first) as (url, _):
        port = int(url.rpartition(":")[2])
        remote = RemoteRoom(url)
        machine = await remote.bmc_power(NodeCard("n1"))
        polled = polling(first)
        waiting = asyncio.create_task(remote.changed(machine.id, machine.revision))
        await polled.wait()
    async with on_port(second, port):
        with pytest.raises(NodeUnknown, match="started anew"):
            await waiting
        await remote.close()


async def test_machines_work_on_while_nobody_is_connected(open_room):
    room = open_room(quick(latencies={"deploy": 0.05}))
    async with served(room) as (url, _):
        handle = await Site(room).prepare(a_node())
        async with reaching(url) as remote:
            await remote.deploy(handle.id, a_spec())
        await when(room, lambda m: m.state is NodeState.DEPLOYED)
        async with reaching(url) as remote:
            assert (await remote.find(NodeCard("n1"))).deployment_id == "d1"


@pytest.mark.slow
async def test_hundreds_of_waiters_share_one_long_poll(open_room):
    room = open_room(quick(latencies={"commission": [0.05, 0.1]}))
    async with served(room) as (url, server):
        lab = Site(room, url)
        nodes = [a_node(f"n{i}", number=i) for i in range(300)]
        handles = await asyncio.gather(*(lab.discover(node) for node in nodes))
        most, accept = 0, server.handle_stream

        def accepting(stream, address):
            nonlocal most
            accept(stream, address)
            most = max(most, len(server._connections))

        server.handle_stream = accepting
        done = await asyncio.gather(*(lab.nodes.commission(h, lab.voice) for h in handles))
        assert {h.state for h in done} == {NodeState.READY}
        # 32 calls, one poll, and those this side has not seen closing yet.
        assert most < 150
        await lab.close()
