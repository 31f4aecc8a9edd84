"""Files over the boot listener: a client that takes nothing is cut off, a cold file is read too."""

import asyncio
import errno
import os

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from bench.attacks.connections import answered, connected, get
from drydockd.drivers.node.netboot import files
from drydockd.drivers.node.netboot.files import CHUNK_BYTES, Lane, send_file
from drydockd.drivers.node.netboot.pace import Pace

CONTENT = os.urandom(64) * (4 * CHUNK_BYTES // 64)


@pytest.fixture
async def place(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(CONTENT * 16)

    class Sends(web.RequestHandler):
        async def get(self):
            stalls = float(self.get_query_argument("stalls", "0.3"))
            await send_file(self, path, lane, "one", stall_seconds=stalls)
            ended.set()

    ended = asyncio.Event()
    lane = Lane(1, Pace())
    socket, port = bind_unused_port()
    server = HTTPServer(web.Application([(r"/", Sends)]))
    server.add_sockets([socket])
    yield "127.0.0.1", port, ended
    server.stop()
    await server.close_all_connections()


async def test_who_takes_nothing_is_cut_off_and_holds_no_place(place):
    one = await connected(place[:2], small=True)
    await asyncio.get_running_loop().sock_sendall(one, get("/"))
    async with asyncio.timeout(10):
        await place[2].wait()
    one.close()


@pytest.mark.parametrize("cold", [errno.EAGAIN, errno.EOPNOTSUPP])
async def test_what_is_not_in_memory_is_read_by_a_thread(place, monkeypatch, cold):
    real = os.preadv

    def preadv(source, buffers, start, flags=0):
        if flags:
            raise OSError(cold, "not now")
        return real(source, buffers, start)

    monkeypatch.setattr(files.os, "preadv", preadv)
    answer = await answered(place[:2], get("/", last=True))
    assert answer.partition(b"\r\n\r\n")[2] == CONTENT * 16


async def test_who_takes_nothing_does_not_keep_the_next_one_waiting(place):
    """There is one place: the next one gets all of the file while the first still has his time."""
    slow = await connected(place[:2], small=True)
    await asyncio.get_running_loop().sock_sendall(slow, get("/?stalls=3600"))
    answer = await answered(place[:2], get("/", last=True))
    assert answer.partition(b"\r\n\r\n")[2] == CONTENT * 16
    slow.close()


async def test_a_file_that_shrinks_while_it_is_read_ends_the_connection(place, monkeypatch):
    real = os.preadv

    def preadv(source, buffers, start, flags=0):
        if start:
            return 0
        return real(source, buffers, start, flags)

    monkeypatch.setattr(files.os, "preadv", preadv)
    answer = await answered(place[:2], get("/", last=True))
    assert len(answer.partition(b"\r\n\r\n")[2]) == CHUNK_BYTES
