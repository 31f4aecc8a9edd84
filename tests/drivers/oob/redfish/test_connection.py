"""One connection, one request."""

import asyncio
import gc
import socket
import struct
import weakref

import pytest

from drydockd import acting
from drydockd.drivers.oob.redfish.connection import Connection, HandshakeFailed, TooLong
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.tls import TlsContexts


@pytest.fixture
async def answering(plain_server):
    """Start a server that answers each request with these bytes; return its port."""

    async def start(answer):
        async def handle(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

        return await plain_server(handle)

    return start


async def asked(port, **more):
    connection = await Connection.open("127.0.0.1", port, None)
    try:
        return await connection.exchange("GET", b"/", [(b"Host", b"bmc")], b"", **more)
    finally:
        connection.close()


async def test_a_document_in_chunks_is_put_together(answering):
    port = await answering(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: e\r\n"
        b"\r\n2\r\n{}\r\n1\r\n \r\n0\r\n\r\n"
    )
    reply = await asked(port, longest=3)
    assert (reply.status, reply.body) == (200, b"{} ")
    assert (b"etag", b"e") in reply.headers


async def test_a_document_that_ends_with_its_connection_is_whole(answering):
    reply = await asked(await answering(b"HTTP/1.0 200 OK\r\n\r\n{}"), longest=3)
    assert reply.body == b"{}"


async def test_a_document_is_not_read_further_than_allowed(answering):
    port = await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1234")
    with pytest.raises(TooLong):
        await asked(port, longest=3)


async def test_a_handshake_that_fails_is_told_from_no_connection(plain_server):
    async def close(reader, writer):
        await reader.read(1)

    context = await TlsContexts(RedfishOptions()).get(verify=False, fingerprint=None)
    with pytest.raises(HandshakeFailed):
        await Connection.open("127.0.0.1", await plain_server(close), context)


async def test_what_was_read_does_not_wait_for_the_collector(answering):
    """A transport of asyncio does, in a ring with itself, but it holds nothing."""
    port = await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    gc.collect()
    gc.disable()
    try:
        connection = await Connection.open("127.0.0.1", port, None)
        await connection.exchange("GET", b"/", [(b"Host", b"bmc")], b"", longest=9)
        connection.close()
        left = [weakref.ref(part) for part in (connection, connection._reader)]
        del connection
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [part() for part in left] == [None, None]
    finally:
        gc.enable()


class Permit:
    reach_seconds = 1.5

    async def may_act(self):
        """Yes."""


async def test_of_several_daemons_one_that_is_dead_sends_nothing_more(answering):
    port = await answering(b"")
    with acting.bound(Permit()):
        connection = await Connection.open("127.0.0.1", port, None)
    sock = connection._writer.get_extra_info("socket")
    try:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500
        linger = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert struct.unpack("ii", linger) == (1, 0)
    finally:
        connection.close()


async def test_alone_its_sockets_are_as_the_system_makes_them(answering):
    connection = await Connection.open("127.0.0.1", await answering(b""), None)
    sock = connection._writer.get_extra_info("socket")
    try:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == bytes(8)
    finally:
        connection.close()
