"""Requests go round, daemons that are away are passed over, nothing is done twice by mistake."""

import asyncio
import contextlib
import socket
import subprocess
import sys

import httpx
import pytest

from drydockd.room import balancer as balancers
from drydockd.room.balancer import balancing


class Backend:
    """A daemon that answers its number; `hold` says at which request it hangs up or waits."""

    def __init__(self, number):
        self.number = number
        self.seen = []
        self.health = 204
        self.breaks_at = None
        self.held = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(lambda *ends: self.talk(*ends), "127.0.0.1", 0)
        return self

    async def __aexit__(self, *error):
        self.server.close()

    @property
    def address(self):
        return self.server.sockets[0].getsockname()[:2]

    async def talk(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                if "/health" in head:
                    writer.write(f"HTTP/1.1 {self.health} x\r\n\r\n".encode())
                    continue
                if self.breaks_at == "head":
                    break
                length = [line for line in head.lower().split("\r\n") if "content-length" in line]
                body = await reader.readexactly(int(length[0].split(":")[1])) if length else b""
                self.seen.append((head, body))
                if self.breaks_at == "body":
                    break
                if self.held is not None:
                    await self.held.wait()
                answer = f"{self.number} {body.decode()}".encode()
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                writer.write(b"%x\r\n%s\r\n" % (len(answer), answer))
                if self.breaks_at == "middle":
                    break
                writer.write(b"0\r\n\r\n")
        writer.close()


@contextlib.asynccontextmanager
async def balanced(*backends):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with (
        balancing(listener, [backend.address for backend in backends]) as balancer,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        yield balancer, client


async def test_each_request_of_one_connection_goes_to_the_next_daemon():
    async with Backend(0) as a, Backend(1) as b, Backend(2) as c, balanced(a, b, c) as (_, client):
        said = [(await client.post("/x", content=b"!")).text for _ in range(6)]
    assert said == ["0 !", "1 !", "2 !", "0 !", "1 !", "2 !"]


async def test_a_daemon_is_told_for_whom_it_is():
    async with Backend(0) as a, balanced(a) as (_, client):
        await client.get("/x", headers={"X-Forwarded-For": "192.0.2.7"})
    head, _ = a.seen[0]
    assert "X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n" in head
    assert head.lower().count("x-forwarded-for") == 1


async def test_one_that_refuses_connections_is_passed_over():
    async with Backend(0) as a, Backend(1) as b, balanced(a, b) as (balancer, client):
        a.server.close()
        assert [(await client.post("/x")).text for _ in range(4)] == ["1 "] * 4
    assert [server.is_well for server in balancer.servers] == [False, True]


async def test_one_that_says_it_is_unwell_gets_nothing(monkeypatch):
    monkeypatch.setattr(balancers, "CHECK_SECONDS", 0)
    async with Backend(0) as a, Backend(1) as b, balanced(a, b) as (balancer, client):
        a.health = 503
        while balancer.servers[0].is_well:
            await asyncio.sleep(0)
        assert [(await client.get("/x")).text for _ in range(4)] == ["1 "] * 4
        a.health = 204
        while not balancer.servers[0].is_well:
            await asyncio.sleep(0)
        assert {(await client.get("/x")).text for _ in range(2)} == {"0 ", "1 "}


async def test_a_get_that_nobody_began_to_answer_goes_to_the_next():
    async with Backend(0) as a, Backend(1) as b, balanced(a, b) as (_, client):
        a.breaks_at = "head"
        assert (await client.get("/x")).text == "1 "


async def test_a_post_is_never_sent_to_a_second_daemon():
    async with Backend(0) as a, Backend(1) as b, balanced(a, b) as (balancer, client):
        a.breaks_at = "body"
        answer = await client.post("/x", content=b"once")
        assert answer.status_code == 502
        assert b.seen == []
        assert balancer.problems == {502: 1}
        # The client goes on over a new connection.
        assert (await client.post("/x", content=b"more")).text == "1 more"


async def test_an_answer_that_breaks_off_does_not_look_whole():
    async with Backend(0) as a, balanced(a) as (_, client):
        a.breaks_at = "middle"
        with pytest.raises(httpx.TransportError):
            await client.get("/x")


async def test_nobody_there_is_said_with_a_time_to_come_again():
    async with Backend(0) as a, balanced(a) as (_, client):
        a.server.close()
        answer = await client.get("/x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


async def test_what_waits_for_one_that_fell_silent_goes_to_another(monkeypatch):
    async with Backend(0) as a, Backend(1) as b, balanced(a, b) as (balancer, client):
        a.held = asyncio.Event()
        asking = asyncio.ensure_future(client.get("/x"))
        while not a.seen:
            await asyncio.sleep(0)
        balancer.servers[0].fell_silent()
        assert (await asking).text == "1 "
        a.held.set()


async def test_a_client_that_hangs_up_is_no_longer_waited_for():
    async with Backend(0) as a, balanced(a) as (balancer, client):
        a.held = asyncio.Event()
        asking = asyncio.ensure_future(client.get("/x"))
        while not a.seen:
            await asyncio.sleep(0)
        assert balancer.servers[0].halves
        asking.cancel()
        while balancer.servers[0].halves:
            await asyncio.sleep(0)
        a.held.set()


async def test_a_client_that_has_just_come_is_let_go_at_the_end(monkeypatch):
    come = asyncio.get_running_loop().create_future()

    class Heard(balancers.Half):
        def connection_made(self, transport):
            come.set_result(None)  # who waits for it goes on before the talk begins
            super().connection_made(transport)

    monkeypatch.setattr(balancers, "Half", Heard)
    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_connection(listener.getsockname(), 20) as client:
        async with balancing(listener, []):
            await come
        assert await asyncio.to_thread(client.recv, 1) == b""


async def test_what_is_no_http_is_refused():
    async with Backend(0) as a, balanced(a) as (_, client):
        port = client.base_url.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.close()


@pytest.mark.process
async def test_who_is_refused_while_he_sends_is_told_so():
    async def refuse(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        is_health = b"/health" in head
        writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % (204 if is_health else 413))
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass
        writer.close()

    async def body():
        for _ in range(200):
            yield b" " * 65536

    async with Backend(0) as backend, balanced(backend) as (_, client):
        backend.talk = refuse
        for _ in range(5):
            assert (await client.post("/x", content=body())).status_code == 413


def test_it_runs_alone_and_says_where():
    with subprocess.Popen(
        [sys.executable, "-m", "drydockd.room.balancer", "1"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip()
            assert httpx.get(f"{url}/x").status_code == 503
        finally:
            process.terminate()
        assert process.wait(20) == 0
