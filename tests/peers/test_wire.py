"""The wire of the tests fails as those that use it rely on."""

import asyncio
import contextlib
import socket
import threading

import asyncpg
import pytest

from tests.peers.wire import How, Requests, running

INSERT = "INSERT INTO a VALUES ($1)"


@pytest.fixture
def wire(postgres_server, make_wire):
    return make_wire(postgres_server.port)


@pytest.fixture
async def connection(postgres, wire):
    postgres.run("CREATE TABLE a (b int)")
    opened = await asyncpg.connect(postgres.server.url(postgres.name, wire.port), ssl=False)
    yield opened
    opened.terminate()


def rows(postgres):
    return postgres.run("SELECT string_agg(b::text, ' ' ORDER BY b) FROM a")


async def cut_at(connection, cut):
    asking = asyncio.create_task(connection.execute(INSERT, 2))
    await asyncio.to_thread(cut.wait)
    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
        await asking


async def test_a_cut_is_at_the_request_it_names_and_once(postgres, wire, connection):
    cut = wire.cut("INSERT", How.ANSWERED)
    assert await connection.fetchval("SELECT 7") == 7
    assert not cut.done.is_set()
    await cut_at(connection, cut)
    assert rows(postgres) == "2"  # done, and nobody was told
    other = await asyncpg.connect(postgres.server.url(postgres.name, wire.port), ssl=False)
    await other.execute(INSERT, 3)
    await other.close()
    assert rows(postgres) == "2 3"


async def test_a_request_that_was_sent_is_done_after_its_connection_is_cut(
    postgres, wire, connection
):
    await cut_at(connection, wire.cut("INSERT", How.SENT))
    await asyncio.to_thread(postgres.server.until, ENDED, "0")
    assert rows(postgres) == "2"


async def test_a_late_request_is_done_when_it_is_delivered(postgres, wire, connection):
    cut = wire.cut("INSERT", How.LATE)
    await cut_at(connection, cut)
    assert rows(postgres) == ""
    cut.deliver()
    await asyncio.to_thread(postgres.server.until, ENDED, "0")
    assert rows(postgres) == "2"


async def test_a_silent_wire_brings_all_when_it_goes_on(postgres, wire, connection):
    wire.silence()
    asking = asyncio.create_task(connection.execute(INSERT, 2))
    assert await asyncio.to_thread(rows, postgres) == ""
    assert not asking.done()
    wire.go_on()
    await asking
    assert rows(postgres) == "2"


async def test_a_server_waits_for_one_who_reads_no_more(postgres, wire, connection):
    wire.stop_reading()
    asking = asyncio.create_task(connection.execute("SELECT repeat('x', 50000000)"))
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'"
    await asyncio.to_thread(postgres.server.until, waits, "1")
    wire.go_on()
    assert await asking == "SELECT 1"


async def test_a_cut_of_all_is_seen_at_once(wire, connection):
    ended = threading.Event()
    connection.add_termination_listener(lambda _: ended.set())
    wire.cut_all()
    assert await asyncio.to_thread(ended.wait, 20)


def test_a_server_that_is_down_is_as_down_over_the_wire(make_wire):
    wire = make_wire(1)
    with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        asyncio.run(asyncpg.connect(f"postgresql://127.0.0.1:{wire.port}/a", ssl=False))


def test_who_is_still_being_connected_is_cut_off_when_the_wire_is_taken_down():
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # It takes one, and nobody accepts: whoever comes after it waits.
        stack.enter_context(socket.create_connection(server.getsockname()))
        with running(server.getsockname()[1]) as wire:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", wire.port), 20))
            while not wire._dialling:
                pass
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def message(letter, body):
    return letter + (len(body) + 4).to_bytes(4) + body


def test_requests_are_told_apart_wherever_the_network_cuts_what_is_sent():
    start = message(b"", b"\0\3\0\0user\0a\0\0")
    ask = message(b"P", b"s1\0SELECT 1\0\0\0") + message(b"D", b"Ss1\0") + message(b"H", b"")
    run = message(b"B", b"\0s1\0\0\0\0\0\0\0") + message(b"E", b"\0\0\0\0\0") + message(b"S", b"")
    plain = message(b"Q", b"BEGIN\0")
    sent = start + ask + run + plain
    found = Requests()
    told = [one for at in range(0, len(sent), 3) for one in found.feed(sent[at : at + 3])]
    assert told == [(start, ""), (ask, ""), (run, "SELECT 1"), (plain, "BEGIN")]


ENDED = f"SELECT count(*) FROM pg_stat_activity WHERE query = '{INSERT}'"
