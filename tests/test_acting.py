"""Asking for the right to act, with real sockets and a real client of HTTP."""

import asyncio
import socket
import struct
from contextlib import asynccontextmanager

import httpx
import pytest

from drydockd import acting
from drydockd.errors import NotRunner


class Refused(Exception):
    pass


class Permit:
    """Says yes, or raises; counts how often it was asked."""

    def __init__(self, answer=None, reach_seconds=1.5):
        self.answer, self.reach_seconds, self.asked = answer, reach_seconds, 0

    async def may_act(self):
        self.asked += 1
        if self.answer is not None:
            raise self.answer


@asynccontextmanager
async def server():
    """A server of HTTP; its URL, and the requests that arrived."""
    heard = []

    async def talk(reader, writer):
        while line := await reader.readline():
            heard.append(line.split()[0].decode())
            length = 0
            while (header := await reader.readline()).strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/", heard


async def test_where_nobody_is_bound_nothing_is_asked():
    await acting.may_act()

    assert acting.extensions("POST") == {}
    assert acting.connect_seconds(10.0) == 10.0


async def test_what_begins_in_a_context_asks_whom_the_context_asks():
    permit = Permit()
    with acting.bound(permit):
        begun = asyncio.create_task(acting.may_act())
    await begun
    await acting.may_act()

    assert permit.asked == 1


async def test_a_daemon_whose_right_is_over_stands_still():
    with acting.bound(Permit(NotRunner("west runs the tasks now"))):
        waiting = asyncio.create_task(acting.may_act())
    for _ in range(5):
        await asyncio.sleep(0)

    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_change_is_not_sent_without_the_right_to():
    async with server() as (url, heard), httpx.AsyncClient(trust_env=False) as client:
        with acting.bound(Permit(Refused())):
            await client.get(url, extensions=acting.extensions("GET"))
            with pytest.raises(Refused):
                await client.post(url, extensions=acting.extensions("POST"))

    assert heard == ["GET"]


async def test_each_change_on_one_connection_is_asked_for():
    permit = Permit()
    async with server() as (url, heard), httpx.AsyncClient(trust_env=False) as client:
        with acting.bound(permit):
            for method in ("POST", "GET", "PUT", "PATCH", "DELETE"):
                await client.request(method, url, extensions=acting.extensions(method))

    assert heard == ["POST", "GET", "PUT", "PATCH", "DELETE"]
    assert permit.asked == 4


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_its_sockets_forget_what_they_cannot_deliver(method):
    sockets = []

    def seen(sock):
        sockets.append(sock)
        return prepare(sock)

    prepare, acting.prepare = acting.prepare, seen
    try:
        async with server() as (url, _), httpx.AsyncClient(trust_env=False) as client:
            with acting.bound(Permit()):
                await client.request(method, url, extensions=acting.extensions(method))
            (sock,) = sockets
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500
            linger = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            assert struct.unpack("ii", linger) == (1, 0)
    finally:
        acting.prepare = prepare


def test_without_a_lease_a_socket_stays_as_it_is():
    with socket.socket() as sock:
        acting.prepare(sock)

        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == bytes(8)


def test_a_connection_takes_no_longer_than_a_request_may_be_on_its_way():
    with acting.bound(Permit(reach_seconds=1.5)):
        assert acting.connect_seconds(10.0) == 1.5
        assert acting.connect_seconds(1.0) == 1.0
    with acting.bound(Permit(reach_seconds=None)):
        assert acting.connect_seconds(10.0) == 10.0


async def test_who_stands_still_goes_on_never_and_can_be_cut_off():
    standing = asyncio.create_task(acting.stand_still())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not standing.done()

    standing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await standing
