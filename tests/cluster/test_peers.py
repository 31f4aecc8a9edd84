"""One daemon asks another: sealed, for a second at most, and never at the cost of the asker."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest

from drydockd.cluster.peers import HEADER, WAITS, Peers, Seal

SECRET = b"s" * 32


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


def test_a_seal_is_good_for_what_it_was_made_for_and_not_for_long():
    clock = Clock()
    seal = Seal(SECRET, clock)
    given = seal.of("/x?task=1")
    assert seal.is_good("/x?task=1", given)
    assert Seal(SECRET, clock).is_good("/x?task=1", given)
    assert not seal.is_good("/x?task=2", given)
    assert not Seal(b"t" * 32, clock).is_good("/x?task=1", given)
    clock.now += 29
    assert seal.is_good("/x?task=1", given)
    clock.now += 5
    assert not seal.is_good("/x?task=1", given)
    clock.now -= 100
    assert not seal.is_good("/x?task=1", given)


@pytest.mark.parametrize("given", [None, "", ":", "1000000", "1000000:", "x:y", "1" * 99 + ":a"])
def test_what_is_no_seal_is_not_good(given):
    assert not Seal(SECRET, Clock()).is_good("/x", given)


@asynccontextmanager
async def answering(body, status=200):
    """Serve one answer to whatever is asked; yields its address and the requests."""
    requests = []

    async def talk(reader, writer):
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if body is not None:
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        else:
            await reader.read()  # until the asker has given up

    async def serve(reader, writer):
        # On a busy machine one may give up before it has asked.
        with suppress(asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peers = Peers(Seal(SECRET))
    try:
        yield peers, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    finally:
        await peers.close()
        server.close()
        # Also of one that has given up as it came.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


async def test_the_answer_is_what_the_runner_tells():
    body = json.dumps({"waits": {"t 1": "its turn"}}).encode()
    async with answering(body) as (peers, address, requests):
        assert await peers.waits(address, "t 1") == {"t 1": "its turn"}
        [request] = requests
        assert request.startswith(f"GET {WAITS}?task=t%201 ")
        [given] = [
            line.partition(": ")[2]
            for line in request.splitlines()
            if line.lower().startswith(HEADER.lower())
        ]
        assert Seal(SECRET).is_good(f"{WAITS}?task=t%201", given)


@pytest.mark.parametrize(
    ("body", "status"), [(b"{}", 200), (b"no", 200), (b'{"waits": {}}', 404), (None, 0)]
)
async def test_an_answer_that_is_none_costs_a_look_at_the_records(monkeypatch, body, status):
    monkeypatch.setattr("drydockd.cluster.peers.SECONDS", 0.2)
    async with answering(body, status) as (peers, address, _):
        assert await peers.waits(address, None) is None


async def test_nobody_there_is_no_error():
    peers = Peers(Seal(SECRET))
    assert await peers.waits("http://127.0.0.1:1", None) is None
    await peers.close()
