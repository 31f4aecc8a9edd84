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
from drydockd.drivers.node.netboot.files import CHUNK_BYTES, send_file

CONTENT = os.urandom(64) * (4 * CHUNK_BYTES // 64)


@pytest.fixture
async def place(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(CONTENT * 16)

    class Sends(web.RequestHandler):
        async def get(self):
            await send_file(self, path, stall_seconds=0.3)
            ended.set()

    ended = asyncio.Event()
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
