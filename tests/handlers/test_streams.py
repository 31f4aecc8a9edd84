import asyncio
import gc
import json
import logging
import socket
import time
from collections import Counter
from types import AsyncGeneratorType

import httpx
import pytest
from tornado.http1connection import HTTP1ServerConnection
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from bench.attacks.connections import (
    answered,
    connected,
    get,
    half_closed,
    is_closed,
    pipelined_and_gone,
    reset,
)
from bench.load import Connection, request
from drydockd.handlers.streams import AHEAD_BYTES, Stream
from drydockd.model import Action, Task, TaskStatus
from drydockd.store import Put
from drydockd.tasks import EventStream
from tests.handlers.helpers import REF, V1, daemon

ID = "0b6c1c1e-58a2-4d0b-9a2a-1c5d1f0e7a11"


def place(drydock):
    url = httpx.URL(drydock.app.url)
    return url.host, url.port


async def a_waiting_task(drydock):
    """Put a task that goes on for ever; return the path that waits for it, as long as allowed."""
    task = Task(
        ID, Action.NOOP, status=TaskStatus.RUNNING, created="2026-01-31T10:20:30.123456+00:00"
    )
    await drydock.app.services.store.write(Put(task))
    return f"{V1}/tasks/{ID}?wait=600"


async def until(drydock, is_so):
    """Wait, a turn of the daemon at a time, until `is_so()`."""
    async with asyncio.timeout(20):
        while not is_so():
            await drydock.http.get("/versions")


def requests_of(drydock, route):
    """Return status -> how many requests of a route the daemon counted."""
    return {
        int(sample.labels["code"]): int(sample.value)
        for family in drydock.app.services.measures.registry.collect()
        for sample in family.samples
        if sample.name == "drydock_http_requests_total" and sample.labels["route"] == route
    }


async def test_who_says_no_more_gets_the_answer(drydock):
    answer = await half_closed(place(drydock), get("/versions"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"}}")


async def test_who_says_no_more_gets_the_answers_to_all_that_was_asked(drydock):
    answer = await half_closed(place(drydock), get("/versions") * 50)
    assert answer.count(b"HTTP/1.1 200 OK") == 50


async def test_who_says_no_more_in_the_middle_of_a_request_is_closed(drydock):
    assert await half_closed(place(drydock), b"GET /versions HTT") == b""
    head = f"POST {V1}/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode()
    assert await half_closed(place(drydock), head) == b""


async def test_who_says_no_more_has_the_answer_to_a_long_poll_at_once(tmp_path):
    async with daemon(tmp_path, api={"wait_limit": 600}) as drydock:
        path = await a_waiting_task(drydock)
        answer = await half_closed(place(drydock), get(path, drydock.admin))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b'"status":"running"' in answer
        assert drydock.app.services.polls.open == 0


async def test_requests_of_a_connection_that_is_gone_are_not_answered(drydock):
    leaving = (pipelined_and_gone(place(drydock), get("/metrics") * 1_500) for _ in range(10))
    await asyncio.gather(*leaving)
    await until(drydock, lambda: drydock.app.services.connections.open == 1)
    assert sum(requests_of(drydock, "/metrics").values()) < 200


async def test_a_client_that_left_leaves_nothing_of_its_answer_behind(drydock):
    """A ring of error, frames and answer waited for a full collection: 25 MiB a second."""
    gc.disable()
    try:
        asked = get(f"{V1}/tasks", drydock.admin) * 500
        await asyncio.gather(*(pipelined_and_gone(place(drydock), asked) for _ in range(20)))
        await until(drydock, lambda: drydock.app.services.connections.open == 1)
        lists = [one for one in gc.get_objects() if isinstance(one, AsyncGeneratorType)]
        assert [one for one in lists if "TaskViews" in one.__qualname__] == []
    finally:
        gc.enable()


async def test_a_request_with_a_body_changes_nothing_in_what_is_listened_for(drydock, monkeypatch):
    body = json.dumps({"action": "validate_design", "design_ref": REF}).encode()
    post = request("POST", f"{V1}/tasks", headers=drydock.admin, body=body)
    client, changes = Connection(*place(drydock)), []
    await client.send(post)  # the connection is there, and awaits the next request
    monkeypatch.setattr(IOLoop.current(), "update_handler", lambda *args: changes.append(args))
    assert [(await client.send(post)).status for _ in range(3)] == [201] * 3
    assert changes == []
    await client.close()


async def test_what_is_answered_leaves_at_once(drydock):
    for _ in range(2):
        await drydock.http.get("/versions")
        (stream,) = drydock.app.services.connections._open
        assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


@pytest.mark.parametrize(
    "asked",
    ["nothing", "half a request", "nonsense", "an answer", "a refusal", "a long poll", "events"],
)
async def test_a_connection_that_is_gone_is_freed_without_the_collector(tmp_path, caplog, asked):
    """Whatever is in a ring waits, with all it leads to, for a full collection."""
    # Records are kept here: nothing may hang on one of ours (Tornado's own keep the error).
    caplog.set_level(logging.INFO, "drydockd")
    caplog.set_level(logging.CRITICAL, "tornado")
    async with daemon(tmp_path, api={"wait_limit": 600, "shutdown_grace": 0}) as drydock:
        task, services = await a_waiting_task(drydock), drydock.app.services
        events = task.replace("?wait=600", "/events")
        data = {
            "nothing": b"",
            "half a request": get("/versions")[:-2],
            "nonsense": b"no HTTP\r\n\r\n",
            "an answer": get(f"{V1}/tasks", drydock.admin),
            "a refusal": get(f"{V1}/tasks", {"X-Auth-Token": "x"}),
            "a long poll": get(task, drydock.admin),
            "events": get(events, drydock.admin),
        }[asked]
        held = {"a long poll": services.polls, "events": services.streams}.get(asked)
        await drydock.http.get("/versions")
        gc.collect()
        gc.disable()
        try:
            before = {id(one) for one in gc.get_objects()}
            for leave in (reset, lambda one: one.close()):
                one = await connected(place(drydock))
                await asyncio.get_running_loop().sock_sendall(one, data)
                if held is not None:
                    await until(drydock, lambda: held.open == 1)
                elif data and asked != "half a request":
                    await asyncio.get_running_loop().sock_recv(one, 1000)
                leave(one)
                await until(drydock, lambda: services.connections.open == 1)
            left = [type(one) for one in gc.get_objects() if id(one) not in before]
            ours = (Stream, RequestHandler, HTTP1ServerConnection, EventStream)
            assert Counter(one.__name__ for one in left if issubclass(one, ours)) == {}
        finally:
            gc.enable()


async def test_little_is_kept_of_what_comes_ahead_of_an_answer(tmp_path):
    async with daemon(tmp_path, api={"wait_limit": 600, "shutdown_grace": 0}) as drydock:
        path = await a_waiting_task(drydock)
        services = drydock.app.services
        talker = await connected(place(drydock))
        await asyncio.get_running_loop().sock_sendall(talker, get(path, drydock.admin))
        await until(drydock, lambda: services.polls.open == 1)
        sending = asyncio.create_task(
            asyncio.get_running_loop().sock_sendall(talker, b"x" * (16 << 20))
        )
        # It does not wait for the change: nobody would be seen leaving behind so much.
        await until(drydock, lambda: services.polls.open == 0)
        kept = max(stream._read_buffer_size for stream in services.connections._open)
        assert kept <= AHEAD_BYTES + 2 * 65536
        sending.cancel()
        await asyncio.wait([sending])
        talker.close()


async def test_a_long_poll_ends_with_its_client(tmp_path):
    async with daemon(tmp_path, api={"wait_limit": 600, "shutdown_grace": 0}) as drydock:
        path = await a_waiting_task(drydock)
        polls = drydock.app.services.polls
        for leave in (reset, lambda one: one.close()):
            # Also where more was asked behind it.
            for data in (get(path, drydock.admin), get(path, drydock.admin) * 3):
                one = await connected(place(drydock))
                await asyncio.get_running_loop().sock_sendall(one, data)
                await until(drydock, lambda: polls.open == 1)
                leave(one)
                await until(drydock, lambda: polls.open == 0)
        await until(drydock, lambda: drydock.app.services.connections.open == 1)
        assert drydock.app.services.in_flight == 0


async def test_who_takes_nothing_of_an_answer_is_cut_off(drydock, monkeypatch):
    services = drydock.app.services
    ended = asyncio.Event()

    async def endless(_):
        try:
            while True:
                yield b" " * (1 << 20)
        finally:
            ended.set()

    monkeypatch.setattr(services.views, "listed", endless)
    one = await connected(place(drydock), small=True)
    await asyncio.get_running_loop().sock_sendall(one, get(f"{V1}/tasks", drydock.admin))
    await until(drydock, lambda: any(stream.writing() for stream in services.connections._open))
    now = time.monotonic()
    services.connections.look(now + 1)
    await drydock.get("/versions")
    assert not ended.is_set()
    services.connections.look(now + 1000)
    async with asyncio.timeout(20):
        await ended.wait()
        assert await is_closed(one)
    one.close()
    assert services.connections.stalled == 1


async def test_nonsense_is_still_answered(drydock):
    assert (await answered(place(drydock), b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


class Unwatched:
    """Nobody asks what becomes of the connection."""

    def closed(self, stream):
        pass


@pytest.fixture
async def pair():
    """A stream, and the socket at its other end."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    stream = Stream(ours, watcher=Unwatched(), malformed=lambda what: what.encode())
    with theirs:
        yield stream, theirs
        stream.close()


async def received(end, size):
    loop, found = asyncio.get_running_loop(), bytearray()
    async with asyncio.timeout(20):
        while len(found) < size:
            found += await loop.sock_recv(end, 1 << 20)
    return bytes(found)


async def test_what_the_socket_takes_at_once_is_sent_when_write_returns(pair):
    stream, end = pair
    sent = stream.write(b"a whole answer")
    assert sent.done()
    assert end.recv(100) == b"a whole answer"


async def test_what_the_socket_does_not_take_at_once_comes_in_its_order(pair):
    stream, end = pair
    long = bytes(range(256)) * (32 << 10)
    futures = [stream.write(long), stream.write(b"behind it")]
    assert not futures[0].done()
    assert await received(end, len(long) + 9) == long + b"behind it"
    async with asyncio.timeout(20):
        await asyncio.gather(*futures)


async def test_what_is_written_to_who_is_gone_fails(pair):
    stream, end = pair
    end.close()
    with pytest.raises(StreamClosedError):
        await stream.write(b"nobody hears this")
    assert stream.closed()


async def test_what_comes_before_it_is_waited_for_is_read_in_one_call(pair, monkeypatch):
    stream, end = pair
    calls, read = [], Stream.read_from_fd

    def counted(self, buffer):
        calls.append(read(self, buffer))
        return calls[-1]

    monkeypatch.setattr(Stream, "read_from_fd", counted)
    loop = asyncio.get_running_loop()
    first = asyncio.ensure_future(stream.read_until_regex(b"\n", max_bytes=1000))
    async with asyncio.timeout(20):
        await loop.sock_sendall(end, b"one\n")
        assert await first == b"one\n"
        stream.set_close_callback(lambda: None)
        await loop.sock_sendall(end, b"two\n")
        while not stream._read_buffer_size:
            await asyncio.sleep(0)
        assert await stream.read_until_regex(b"\n", max_bytes=1000) == b"two\n"
    assert calls == [4, 4]
