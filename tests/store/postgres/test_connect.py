"""Connections: what they are set to, how they end, and that no password is told."""

import asyncio
import socket
import sys
from contextlib import suppress

import pytest

from drydockd.errors import InvalidInput, StoreUnavailable
from drydockd.store import open_store
from drydockd.store.postgres.connect import connect, is_away, is_unsafe, told, within
from tests.peers.certificates import Authority
from tests.peers.keystone import free_port
from tests.peers.postgres import PASSWORD

# In the package this name is the function's.
module = sys.modules[connect.__module__]
URL = "postgresql://me:pass%2Fword@one:5432,two:5433/db?target_session_attrs=read-write"


async def test_a_silent_peer_is_noticed_on_both_sides(shared):
    connection = await connect(shared.url, purpose="a/test")
    sock = connection._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    for name, value in (
        ("application_name", "a/test"),
        ("statement_timeout", "0"),
        ("tcp_user_timeout", "5000"),
        ("client_connection_check_interval", "2s"),
    ):
        assert await connection.fetchval("SELECT current_setting($1)", name) in (
            *(value, value.replace("5000", "5s")),
        )
    await connection.close()


def test_an_error_is_told_without_the_password():
    error = OSError("no pass/word and no pass%2Fword here")
    assert told(error, URL) == "no *** and no *** here"
    assert told(OSError(), URL) == "OSError"


def test_what_the_url_says_of_durability_is_ours_alone():
    for rest, plain in (("durable=no", ""), ("host=/x&durable=no", "?host=/x"), ("a=b", "?a=b")):
        assert is_unsafe(f"postgresql://h/d?{rest}") is ("durable" in rest)
        assert module._plain(f"postgresql://h/d?{rest}") == f"postgresql://h/d{plain}"


async def test_a_server_that_is_not_there_is_unavailable_by_name_without_the_password():
    url = f"postgresql://me:secret@127.0.0.1:{free_port()}/db"
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1.*store\.url") as raised:
        await open_store("postgres", None, url=url, name="a")
    assert "secret" not in str(raised.value)


async def test_a_wrong_password_is_told(shared):
    url = shared.url.replace("pg-secret", "no-secret")
    with pytest.raises(StoreUnavailable, match="password authentication failed") as raised:
        await open_store("postgres", None, url=url, name="a")
    assert PASSWORD not in str(raised.value)


class Refusing:
    """A server that refuses by TLS, and then says no more, not even goodbye."""

    def __init__(self, folder):
        self._tls, _ = Authority(folder).context("server")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://a:b@127.0.0.1:{self._listener.getsockname()[1]}/nowhere"

    def serve(self):
        """Refuse one client, and return when its connection is closed."""
        with self._listener:
            link, _ = self._listener.accept()
        link.settimeout(20)
        assert len(link.recv(8)) == 8  # it asks whether there is TLS
        link.sendall(b"S")
        with self._tls.wrap_socket(link, server_side=True) as secure:
            assert b"nowhere" in secure.recv(4096)
            said = b"SFATAL\0VFATAL\0C3D000\0Mthere is no such database\0\0"
            secure.sendall(b"E" + (len(said) + 4).to_bytes(4) + said)
            with socket.socket(fileno=secure.detach()) as bare, suppress(ConnectionResetError):
                bare.settimeout(20)
                while bare.recv(4096):
                    pass


async def test_a_connection_that_is_refused_is_gone_though_the_server_says_no_goodbye(tmp_path):
    server = Refusing(tmp_path)
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(server.serve))
        with pytest.raises(Exception, match="there is no such database"):
            await connect(f"{server.url}?sslmode=require", purpose="test")


async def test_a_connection_knows_its_loop_and_not_how_it_was_made(shared):
    connection = await connect(shared.url, purpose="test")
    assert connection._loop is asyncio.get_running_loop()
    await connection.close()


async def test_a_url_that_is_none_is_invalid():
    with pytest.raises(InvalidInput, match=r"store\.url"):
        await connect("mysql://h/d", purpose="test")


async def test_without_the_library_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(module, "import_module", missing)
    with pytest.raises(InvalidInput, match=r"drydockd\[postgres\]"):
        await connect(URL, purpose="test")


async def test_a_statement_that_takes_too_long_closes_its_connection_and_is_not_cancelled(shared):
    connection = await connect(shared.socket_url, purpose="test")
    with pytest.raises((TimeoutError, OSError)) as raised:
        await within(connection, 0.05, connection.fetchval("SELECT pg_sleep(60)"))
    assert is_away(raised.value)
    assert connection.is_closed()


async def test_who_stops_waiting_closes_the_connection(shared):
    connection = await connect(shared.socket_url, purpose="test")
    waiting = asyncio.ensure_future(
        within(connection, 60, connection.fetchval("SELECT pg_sleep(60)"))
    )
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert connection.is_closed()


async def test_errors_that_mean_that_the_server_is_away(shared):
    connection = await connect(shared.socket_url, purpose="test")
    with pytest.raises(Exception) as raised:
        await connection.execute("SELECT 1 / 0")
    assert not is_away(raised.value)
    await connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(Exception) as raised:
        await connection.execute("CREATE TABLE x ()")
    assert is_away(raised.value)
    connection.terminate()
    with pytest.raises(Exception) as raised:
        await connection.execute("SELECT 1")
    assert is_away(raised.value)
