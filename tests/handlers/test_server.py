import asyncio
import contextlib
import dataclasses
import errno
import json
import socket
import ssl

import pytest

from drydockd.errors import InvalidConfig
from drydockd.handlers.server import malformed
from drydockd.handlers.streams import NOT_HTTP
from drydockd.tls import load_tls
from tests.daemon.test_process import self_signed
from tests.handlers.helpers import REF, daemon, raw

LAST = b"GET /versions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def test_the_answer_to_nonsense_is_whole():
    head, _, body = malformed(NOT_HTTP).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["title"] == "400 Bad Request"


async def test_a_connection_is_kept_for_the_next_request(drydock):
    one = b"GET /versions HTTP/1.1\r\nHost: x\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = await raw(drydock.app.url, one + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 2


async def test_after_a_refused_body_the_connection_ends(drydock):
    head = b"POST /versions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
    answer = await raw(drydock.app.url, head + b"x" * 100)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in answer


async def test_who_waits_to_be_asked_for_the_body_is_refused_before_sending_it(drydock):
    head = (
        b"POST /versions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    answer = await raw(drydock.app.url, head)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 (Continue)" not in answer


async def test_requests_that_wait_at_the_door_are_not_idle_and_all_are_answered(
    drydock, monkeypatch
):
    server, book = drydock.app.servers[0], drydock.app.services.connections
    monkeypatch.setattr("drydockd.handlers.slices.BEGINNING", 0)
    server.door._left = 0
    with_body = b"POST /versions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" + LAST
    asked = [
        asyncio.create_task(raw(drydock.app.url, LAST if n % 2 else with_body)) for n in range(40)
    ]
    async with asyncio.timeout(20):
        while len(server.door) < 40:
            await asyncio.sleep(0)
        assert book.idle == book.open - 40
        monkeypatch.setattr("drydockd.handlers.slices.BEGINNING", 2)
        server.door._next()
        answers = await asyncio.gather(*asked)
    assert all(b"HTTP/1.1 200 OK" in answer for answer in answers)
    assert [answer.count(b"HTTP/1.1 ") for answer in answers] == [2, 1] * 20


def test_a_wrong_certificate_refuses_the_start(tmp_path):
    with pytest.raises(InvalidConfig, match=r"api\.tls_cert"):
        load_tls(tmp_path / "no.pem", tmp_path / "no.key")
    (tmp_path / "no.pem").write_text("nonsense")
    (tmp_path / "no.key").write_text("nonsense")
    with pytest.raises(InvalidConfig, match=r"api\.tls_cert"):
        load_tls(tmp_path / "no.pem", tmp_path / "no.key")


async def test_a_machine_without_descriptors_is_asked_again(drydock, monkeypatch, caplog):
    # A real shortage cannot be had in the process of the test; see test_connections for one.
    server, listener = drydock.app.servers[0], drydock.app.sockets[0]
    asked = []

    class Short:
        def accept(self):
            asked.append(listener)
            raise OSError(errno.EMFILE, "Too many open files")

    short = Short()
    monkeypatch.setattr(server, "_ignore", lambda _: None)
    monkeypatch.setattr(server, "_listen", lambda _: server._accept(short, 0) if _ else None)
    for _ in range(3):
        server._accept(short, 0)
    assert len(asked) == 3
    assert caplog.text.count("Too many open files") == 1
    assert "Too many open files" in drydock.app.services.connections.problem()
    # When a connection ends
    assert (await raw(drydock.app.url, LAST)).startswith(b"HTTP/1.1 200 OK")
    async with asyncio.timeout(20):
        while len(asked) < 6:
            await asyncio.sleep(0)


def test_a_tls_context_refuses_another_handshake(tmp_path):
    certificate, key = self_signed(tmp_path)
    assert load_tls(certificate, key).context.options & ssl.OP_NO_RENEGOTIATION


async def test_only_what_did_not_come_yet_is_waited_for(drydock):
    server = drydock.app.servers[0]
    assert (await drydock.post("/api/v1.0/nodefilter", {"design_ref": REF})).status_code == 200
    assert len(server.bodies) == 0

    host, _, port = drydock.app.url.removeprefix("http://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/v1.0/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    async with asyncio.timeout(20):
        while not server.bodies:
            await asyncio.sleep(0)
        writer.close()
        while server.bodies or len(server.headers) != 1:  # the first one's next request
            await asyncio.sleep(0)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"GET /versions HTTP/1.1\r\nHost:"])
async def test_who_says_nothing_or_stops_in_the_headers_is_cut_off(tmp_path, sent):
    async with daemon(tmp_path, api={"idle_timeout": 1}) as drydock:
        host, _, port = drydock.app.url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def test_who_comes_once_is_served_before_the_flood_that_came_first(drydock, monkeypatch):
    server, listener = drydock.app.servers[0], drydock.app.sockets[0]
    book, started, start = drydock.app.services.connections, [], server._start
    monkeypatch.setattr("drydockd.handlers.server.STARTS_PER_TURN", 1)
    monkeypatch.setattr(server, "_start", lambda *one: (started.append(one[2]), start(*one)))
    with contextlib.ExitStack() as held:
        # All are there before the loop turns.
        for source in ["127.0.0.2"] * 60 + ["127.0.0.3"]:
            held.enter_context(
                socket.create_connection(listener.getsockname(), source_address=(source, 0))
            )
        async with asyncio.timeout(20):
            while len(started) < 61:
                await asyncio.sleep(0)
                assert book.waiting == len(server._line)
    assert started.index("127.0.0.3") < 3
    assert book.waiting == 0


async def test_who_waits_in_line_counts_and_is_closed_at_the_end(drydock, monkeypatch):
    server, listener = drydock.app.servers[0], drydock.app.sockets[0]
    book = drydock.app.services.connections
    book.bounds = dataclasses.replace(book.bounds, most=6)
    monkeypatch.setattr("drydockd.handlers.server.STARTS_PER_TURN", 0)
    with contextlib.ExitStack() as held:
        many = [
            held.enter_context(
                socket.create_connection(listener.getsockname(), source_address=(source, 0))
            )
            for source in ["127.0.0.2"] * 6 + ["127.0.0.3"] * 4
        ]
        async with asyncio.timeout(20):
            while book.waiting < 6:
                await asyncio.sleep(0)
        assert not book.has_room()
        server.stop()
        assert book.waiting == 0
        assert many[0].recv(1) == b""
