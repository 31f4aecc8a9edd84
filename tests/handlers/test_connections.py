import asyncio
import resource
import shutil
import signal
import ssl
import time
from contextlib import AsyncExitStack

import httpx
import pytest

from bench.attacks.connections import (
    answered,
    crowd,
    get,
    half_closed,
    is_closed,
    pipelined_and_gone,
    renegotiated,
    tls_answered,
    tls_half_closed,
)
from drydockd.handlers.connections import affordable
from tests.daemon.helpers import SITE, started
from tests.daemon.test_process import self_signed
from tests.handlers.helpers import V1, daemon
from tests.handlers.test_streams import a_waiting_task, place

LAST = get("/versions", last=True)


@pytest.mark.parametrize(
    ("wanted", "descriptors", "most"),
    [(4096, 65536, 4096), (4096, 1024, 768), (4096, 128, 96), (10, 1024, 10), (4096, 20, 1)],
)
def test_connections_leave_a_reserve_of_the_descriptors(wanted, descriptors, most):
    assert affordable(wanted, descriptors) == most


def test_they_are_fewer_than_this_process_may_open_files():
    assert affordable(10**9) < resource.getrlimit(resource.RLIMIT_NOFILE)[0]


async def test_whoever_comes_takes_the_place_of_the_one_idle_longest(tmp_path):
    async with (
        daemon(tmp_path, api={"connections": 8}) as drydock,
        crowd(place(drydock), 20) as idle,
        asyncio.timeout(20),
    ):
        for _ in range(5):
            assert b"200 OK" in await answered(place(drydock), LAST)
        assert await is_closed(idle[0])
        assert drydock.app.services.connections.open <= 8


async def test_when_all_connections_have_requests_the_next_one_waits(tmp_path, caplog):
    api = {"connections": 4, "shutdown_grace": 0}
    async with daemon(tmp_path, api=api) as drydock:
        node, services = await drydock.deployed("a01-control"), drydock.app.services
        await drydock.http.aclose()
        # Given requests whose bodies are on their way
        body = half_a_report(node)
        async with crowd(place(drydock), 4, body) as busy, asyncio.timeout(20):
            while services.connections.idle:
                await asyncio.sleep(0)
            # When somebody else comes
            waiting = asyncio.create_task(answered(place(drydock), LAST))
            while services.connections.problem() is None:
                await asyncio.sleep(0)
            # Then that is known, and the end of one of them lets the next one in.
            problem = services.connections.problem()
            assert "api.connections" in problem
            messages = await services.health.messages()
            assert (problem, False) in [(said.message, said.error) for said in messages]
            assert not waiting.done()
            busy[0].close()
            assert b"200 OK" in await waiting
        assert caplog.text.count("new ones wait") == 1


def half_a_report(node):
    (action_id, key), *_ = (
        (node.actions[name].action_id, key) for name, key in node.action_keys.items()
    )
    return (
        f"POST {V1}/bootaction/{action_id} HTTP/1.1\r\nHost: x\r\nX-Bootaction-Key: {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    ).encode()


async def test_long_polls_make_room_for_who_comes(tmp_path):
    api = {"connections": 4, "wait_limit": 600, "shutdown_grace": 0}
    async with daemon(tmp_path, api=api) as drydock:
        path = await a_waiting_task(drydock)
        admin, services = drydock.admin, drydock.app.services
        await drydock.http.aclose()
        async with crowd(place(drydock), 4, get(path, admin)) as polls, asyncio.timeout(20):
            while services.polls.open < 4:
                await asyncio.sleep(0)
            assert b"200 OK" in await answered(place(drydock), LAST)
            # The one that waited longest was answered as if its time were over.
            heard = await asyncio.get_running_loop().sock_recv(polls[0], 65536)
            assert heard.startswith(b"HTTP/1.1 200 OK")
            assert services.polls.open == 3


async def test_one_address_has_its_share_and_loses_its_own_idle_ones_first(tmp_path, monkeypatch):
    api = {"connections_per_address": 3, "wait_limit": 600, "shutdown_grace": 0}
    async with daemon(tmp_path, api=api) as drydock:
        path = await a_waiting_task(drydock)
        admin, book = drydock.admin, drydock.app.services.connections
        await drydock.http.aclose()
        async with crowd(place(drydock), 10):
            assert b"200 OK" in await answered(place(drydock), LAST)
            assert (book.open <= 3, book.refused) == (True, 0)
        async with crowd(place(drydock), 3, get(path, admin)), asyncio.timeout(20):
            while drydock.app.services.polls.open < 3:
                await asyncio.sleep(0)
            refused = await answered(place(drydock), b"")
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"api.connections_per_address" in refused
            assert b"Retry-After: " in refused
            assert book.refused == 1
            # Of a flood only so many hear it.
            monkeypatch.setattr("drydockd.handlers.server.REFUSALS_PER_TURN", 0)
            assert await answered(place(drydock), b"") == b""
            assert book.refused == 2


async def test_a_trusted_proxy_stands_for_many(tmp_path):
    api = {"connections_per_address": 1, "trusted_proxies": ("127.0.0.0/8",)}
    async with daemon(tmp_path, api=api) as drydock, crowd(place(drydock), 10) as held:
        assert b"200 OK" in await answered(place(drydock), LAST)
        assert drydock.app.services.connections.open >= len(held)


async def test_when_all_are_taken_who_has_many_makes_room_for_himself(tmp_path):
    # Sixteen in all: then an address may have eight of them.
    async with daemon(tmp_path, api={"connections": 16}) as drydock:
        book, there = drydock.app.services.connections, place(drydock)
        await drydock.http.aclose()
        async with (
            asyncio.timeout(20),
            crowd(there, 4, source="127.0.0.2") as few,
            crowd(there, 12, source="127.0.0.3") as many,
        ):
            while book.idle < 16:
                await asyncio.sleep(0)
            # The few are idle longest, but the one who has more than a share gives way to his own.
            assert b"200 OK" in await answered(there, LAST, source="127.0.0.3")
            assert await is_closed(many[0])
            for one in few:
                await asyncio.get_running_loop().sock_sendall(one, LAST)
                heard = await asyncio.get_running_loop().sock_recv(one, 65536)
                assert heard.startswith(b"HTTP/1.1 200 OK")


async def test_when_all_are_taken_an_address_beyond_its_share_hears_which_that_is(tmp_path):
    api = {"connections": 16, "wait_limit": 600, "shutdown_grace": 0}
    async with daemon(tmp_path, api=api) as drydock:
        path, admin = await a_waiting_task(drydock), drydock.admin
        polls, there = drydock.app.services.polls, place(drydock)
        await drydock.http.aclose()
        async with (
            asyncio.timeout(20),
            crowd(there, 15, get(path, admin), source="127.0.0.3"),
            crowd(there, 1, source="127.0.0.2"),
        ):
            while polls.open < 15 or not drydock.app.services.connections.idle:
                await asyncio.sleep(0)
            refused = await answered(there, b"", source="127.0.0.3")
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"has 8 connections in use, the most it may have now" in refused
            # Another one is let in, in place of the one that is idle.
            assert b"200 OK" in await answered(there, LAST, source="127.0.0.4")


@pytest.fixture
async def secure(tmp_path):
    """A daemon with a certificate of its own, and what trusts it."""
    certificate, key = self_signed(tmp_path)
    api = {"tls_cert": certificate, "tls_key": key, "handshakes": 64}
    async with daemon(tmp_path, api=api) as drydock:
        yield drydock, ssl.create_default_context(cafile=str(certificate))


async def test_handshakes_that_never_end_keep_nobody_out(secure):
    drydock, trust = secure
    book = drydock.app.services.connections
    async with crowd(place(drydock), 200):
        assert b"200 OK" in await tls_answered(place(drydock), trust, LAST)
        assert book.shaking <= 64
    async with crowd(place(drydock), 200, b"\x16\x03\x01"):
        assert b"200 OK" in await tls_answered(place(drydock), trust, LAST)
        assert book.shaking <= 64


async def test_a_handshake_has_to_end_in_time(secure):
    drydock, trust = secure
    book = drydock.app.services.connections
    async with crowd(place(drydock), 1) as slow:
        async with asyncio.timeout(20):
            while not book.shaking:
                await tls_answered(place(drydock), trust, LAST)
            book.look(time.monotonic() + 5)
            assert book.shaking == 1
            book.look(time.monotonic() + 11)
            assert await is_closed(slow[0])
        assert book.shaking == 0


async def test_who_says_no_more_over_tls_gets_the_answer(secure):
    drydock, trust = secure
    answer = await tls_half_closed(place(drydock), trust, get("/versions"))
    assert answer.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.process
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here")
async def test_a_client_cannot_have_another_handshake(secure):
    drydock, trust = secure
    said = await renegotiated(place(drydock))
    assert b"RENEGOTIATING" in said
    assert b"no renegotiation" in said
    assert b"200 OK" in await tls_answered(place(drydock), trust, LAST)


@pytest.mark.process
async def test_ten_thousand_handshakes_that_never_end_keep_nobody_out(tmp_path):
    certificate, key = self_signed(tmp_path)
    trust = ssl.create_default_context(cafile=str(certificate))
    tls = {"listen": "127.0.0.1:0", "tls_cert": str(certificate), "tls_key": str(key)}
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    with started(tmp_path, api=tls) as drydockd:
        url = httpx.URL(await asyncio.to_thread(drydockd.ready))
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(files[1], 16384), files[1]))
            count = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 512)
            # From an address of its own: each has its share.
            hostile = crowd((url.host, url.port), count, b"\x16\x03\x01", source="127.0.0.2")
            async with hostile:
                for _ in range(20):
                    assert b"200 OK" in await tls_answered((url.host, url.port), trust, LAST)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, files)
        drydockd.signal(signal.SIGTERM)
        assert await asyncio.to_thread(drydockd.ended) == 0
    assert "Traceback" not in drydockd.log


async def ended(http, task_id):
    """Wait for the end of a task, asking again when the answer came early: others needed it."""
    async with asyncio.timeout(60):
        while True:
            shown = (await http.get(f"{V1}/tasks/{task_id}?wait=20")).json()
            if shown["status"] == "complete":
                return shown


@pytest.mark.process
async def test_callers_cannot_use_up_the_descriptors(tmp_path):
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    api = {"listen": "127.0.0.1:0", "wait_limit": 600, "shutdown_grace": 1}
    with started(tmp_path, preexec=few, api=api) as drydockd:
        url = httpx.URL(await asyncio.to_thread(drydockd.ready))
        there, admin = (url.host, url.port), drydockd.admin()
        body = {"action": "validate_design", "design_ref": SITE.as_uri()}
        once = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=url, headers=admin, timeout=20, limits=once) as http:
            # Given connections that all have a request, more than there are descriptors
            made = (await http.post(f"{V1}/tasks", json={**body, "action": "deploy_nodes"})).json()
            path = f"{V1}/tasks/{made['task_id']}?wait=600"
            async with AsyncExitStack() as crowds:
                for n in range(10):  # each address has a share of its own
                    one = crowd(there, 20, get(path, admin), source=f"127.1.0.{n + 1}")
                    await crowds.enter_async_context(one)
                # When somebody who is connected has work done
                task = (await http.post(f"{V1}/tasks", json=body)).json()
                shown = await ended(http, task["task_id"])
                # Then it is done, with files that are opened for it, and health says what is short.
                assert shown["result"]["status"] == "success", shown
                health = (await http.get(f"{V1}/health/extended")).json()
                said = [message["message"] for message in health["details"]["messageList"]]
                assert any("api.connections" in text for text in said), said
        # And afterwards everybody is served again.
        assert b"200 OK" in await half_closed(there, LAST)
        drydockd.signal(signal.SIGTERM)
        assert await asyncio.to_thread(drydockd.ended) == 0
    assert "Traceback" not in drydockd.log
    assert drydockd.log.count("new ones wait") == 1


@pytest.mark.process
async def test_a_stop_does_not_wait_for_what_is_queued(tmp_path):
    api = {"listen": "127.0.0.1:0", "shutdown_grace": 2}
    with started(tmp_path, api=api) as drydockd:
        url = httpx.URL(await asyncio.to_thread(drydockd.ready))
        there = (url.host, url.port)
        await asyncio.gather(
            *(pipelined_and_gone(there, get("/metrics") * 4_000) for _ in range(12))
        )
        async with crowd(there, 12, get("/metrics") * 1_000):
            drydockd.signal(signal.SIGTERM)
            # 48,000 answers would take a minute.
            assert await asyncio.to_thread(drydockd.ended) == 0
    assert "Traceback" not in drydockd.log
