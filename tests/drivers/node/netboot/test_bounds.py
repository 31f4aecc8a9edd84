"""What a stranger can hold of the boot listener: each bound is reached, and what is beyond it."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from bench.attacks.connections import answered, connected, is_closed
from drydockd.drivers.node.netboot.bounds import Intake, Peer, Peers, Shares
from drydockd.drivers.node.netboot.handling import (
    AGENTS_BYTES,
    POLLS_OF_A_MACHINE,
    STRANGERS_BYTES,
    Services,
)
from drydockd.drivers.node.netboot.listener import (
    AHEAD_BYTES,
    BootListener,
)
from drydockd.errors import Busy, TooMany
from tests.drivers.node.netboot.shelves import MAC
from tests.drivers.node.netboot.test_boots import READY, Phase, Room, ways

MIB = 1024 * 1024


class Stream:
    closed = False

    def close(self):
        self.closed = True


def peer(address):
    return Peer(address, Stream())


def test_of_one_address_the_oldest_that_proved_nothing_goes():
    peers = Peers(most=9, per_address=2)
    agent, idle = peer("10.0.0.7"), peer("10.0.0.7")
    assert peers.admit(1, agent)
    peers.proven(1, True)
    assert peers.admit(2, idle)
    assert peers.admit(3, peer("10.0.0.7"))
    assert (agent.stream.closed, idle.stream.closed, len(peers)) == (False, True, 2)


def test_of_all_the_oldest_that_proved_nothing_goes():
    peers = Peers(most=2, per_address=2)
    first = peer("10.0.0.1")
    assert peers.admit(1, first)
    assert peers.admit(2, peer("10.0.0.2"))
    assert peers.admit(3, peer("10.0.0.3"))
    assert (first.stream.closed, len(peers)) == (True, 2)


def test_agents_at_work_are_never_closed_for_others():
    peers = Peers(most=2, per_address=2)
    for key in (1, 2):
        assert peers.admit(key, peer("10.0.0.7"))
        peers.proven(key, True)
    assert not peers.admit(3, peer("10.0.0.8"))
    peers.proven(2, False)
    assert peers.admit(4, peer("10.0.0.8"))


def test_who_left_makes_room_and_nothing_of_him_is_remembered():
    peers = Peers(most=1, per_address=1)
    peers.admit(1, peer("10.0.0.1"))
    peers.gone(1)
    peers.gone(1)
    assert len(peers) == 0
    assert not peers._of_address


def test_bytes_on_their_way_are_counted_together():
    intake = Intake(10)
    intake.take(6)
    with pytest.raises(Busy, match="too much"):
        intake.take(5)
    intake.give_back(6)
    intake.take(10)


def test_a_machine_has_its_share_and_gets_it_back():
    shares = Shares(1, "long polls")
    with (
        shares.one("a"),
        shares.one("b"),
        pytest.raises(TooMany, match="1 long polls"),
        shares.one("a"),
    ):
        pass
    with shares.one("a"):
        pass
    assert not shares._held


# -- the same over sockets


@pytest.fixture
async def room():
    return await Room(ways.begun(READY, Phase.INSTALL, deployment_id="d1", plan="p")).filled()


@asynccontextmanager
async def listening(room, path="/dev/null", **bounds):
    services = Services(room.boots, lambda _: (path, b""), lambda _: path, 4, **bounds)
    listener = BootListener(services)
    listener.start("127.0.0.1:0")
    listener.place = ("127.0.0.1", listener.port)
    try:
        yield listener
    finally:
        await listener.stop()


def request(method, path, *headers, body=b""):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode() + body


def status(answer):
    return int(answer.split()[1])


async def ask(listener, method, path, *headers, body=b""):
    headers = ("Connection: close", *headers)
    return status(await answered(listener.place, request(method, path, *headers, body=body)))


async def until(is_so):
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)  # the other side of a socket says nothing


async def test_an_idle_crowd_of_one_address_does_not_keep_an_agent_out(room):
    async with listening(room, connections_per_address=4) as listener:
        crowd = [await connected(listener.place) for _ in range(8)]
        await until(lambda: listener.bounds.peers.refused == 4)
        assert await is_closed(crowd[0])
        assert await ask(listener, "GET", f"/boot/ipxe?mac={MAC}") == 200
        assert len(listener.bounds.peers) <= 4
        for one in crowd:
            one.close()
        await until(lambda: len(listener.bounds.peers) == 0)


async def test_a_listener_without_a_free_connection_says_so_in_the_health_check(room):
    async with listening(room, connections=2, connections_per_address=2) as listener:
        assert listener.problem() is None
        crowd = [await connected(listener.place) for _ in range(2)]
        await until(lambda: listener.problem() is not None)
        assert "all of its 2 connections in use" in listener.problem()
        for one in crowd:
            one.close()
        await until(lambda: listener.problem() is None)
    assert listener.problem() == "the boot listener does not run"


async def test_an_agents_poll_outlives_a_crowd(room):
    room.plan = None
    session = await room.session()
    async with listening(room, connections=4, connections_per_address=4) as listener:
        poll = asyncio.create_task(
            ask(listener, "GET", "/boot/command?wait=30", f"Authorization: Bearer {session}")
        )
        await until(lambda: listener.bounds.polls._held)
        crowd = [await connected(listener.place) for _ in range(20)]
        await until(lambda: listener.bounds.peers.refused >= 17)
        room.plan = {"image": {"sha256": "e" * 64}, "files": []}
        room.machines.touch(MAC, room.now)
        assert await poll == 200
        for one in crowd:
            one.close()


async def test_bodies_on_their_way_have_a_bound_together(room):
    async with listening(room) as listener:
        listener.bounds.strangers.take(STRANGERS_BYTES - 60_000)
        half = await connected(listener.place)
        told = request("POST", "/boot/hello", "Content-Length: 50000", body=b"{")
        await asyncio.get_running_loop().sock_sendall(half, told)
        await until(lambda: listener.bounds.strangers.held == STRANGERS_BYTES - 10_000)
        assert await ask(listener, "POST", "/boot/hello", "Content-Length: 20000") == 503
        half.close()
        await until(lambda: listener.bounds.strangers.held == STRANGERS_BYTES - 60_000)
        assert listener.bounds.agents.held == 0 < AGENTS_BYTES


async def test_a_body_is_refused_unread_where_its_sender_or_length_is(room):
    async with listening(room) as listener:
        for path, expected, *headers in (
            ("/boot/inventory", 403, f"Content-Length: {5 * MIB}"),
            ("/boot/inventory", 401, f"Content-Length: {5 * MIB}", "Authorization: Bearer x.y"),
            ("/boot/end", 401, f"Content-Length: {MIB}", "Authorization: Bearer x.y"),
            ("/boot/hello", 413, f"Content-Length: {MIB}"),
            ("/boot/hello", 400, "Transfer-Encoding: chunked"),
        ):
            # None of the body is ever sent.
            assert await ask(listener, "POST", path, *headers) == expected, path
        assert listener.bounds.strangers.held == 0


async def test_a_strangers_inventory_is_refused_unread_beyond_its_rate(room):
    room.boots.strangers.await_mac(MAC)
    room.boots.strangers._inventories.extend([room.now] * 10)
    async with listening(room) as listener:
        assert await ask(listener, "POST", "/boot/inventory", f"Content-Length: {MIB}") == 429


async def test_a_machine_has_so_many_long_polls_and_each_ends_with_its_client(room):
    room.plan = None
    session = await room.session()
    asked = request("GET", "/boot/command?wait=60", f"Authorization: Bearer {session}")
    async with listening(room) as listener:
        polls = [await connected(listener.place) for _ in range(POLLS_OF_A_MACHINE)]
        for one in polls:
            await asyncio.get_running_loop().sock_sendall(one, asked)
        held = listener.bounds.polls._held
        await until(lambda: sum(held.values()) == POLLS_OF_A_MACHINE)
        header = f"Authorization: Bearer {session}"
        assert await ask(listener, "GET", "/boot/command?wait=0", header) == 429
        for one in polls:
            one.close()
        await until(lambda: not held)
        assert await ask(listener, "GET", "/boot/command?wait=0", header) == 200


async def test_little_is_read_ahead_of_an_answer(room):
    room.plan = None
    session = await room.session()
    asked = request("GET", "/boot/command?wait=60", f"Authorization: Bearer {session}")
    async with listening(room) as listener:
        one = await connected(listener.place)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(one, asked)
        await until(lambda: listener.bounds.polls._held)
        (held,) = listener.bounds.peers._held.values()
        with pytest.raises((TimeoutError, ConnectionError)):
            async with asyncio.timeout(2):
                await loop.sock_sendall(one, b"x" * 64 * MIB)
        assert held.stream._read_buffer_size <= 2 * AHEAD_BYTES
        one.close()


async def test_headers_have_a_bound(room):
    async with listening(room) as listener:
        one = await connected(listener.place)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(one, request("GET", "/boot/ipxe", f"X: {'x' * 20_000}"))
        assert await is_closed(one)
        one.close()
