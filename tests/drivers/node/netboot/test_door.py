"""The door of the boot listener: a crowd that knocks is let in few by few, and somebody is served
meanwhile."""

import asyncio
import errno
import socket

import pytest

from drydockd.drivers.node.netboot import door as doors
from drydockd.drivers.node.netboot.door import A_ROUND, Door


def a_listener():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    listener.setblocking(False)
    return listener


@pytest.fixture
def crowd():
    """Twenty connections that the kernel holds already, and the socket where they wait."""
    listener = a_listener()
    knocking = [socket.create_connection(listener.getsockname()) for _ in range(20)]
    yield listener, knocking
    for one in (listener, *knocking):
        one.close()


async def test_a_round_lets_in_few_and_the_rest_in_the_next_ones(crowd):
    listener, _ = crowd
    served, rounds = [], []
    door = Door([listener], lambda stream, address: served.append(stream), 1024)
    while len(served) < 20:
        before = len(served)
        await asyncio.sleep(0)
        rounds.append(len(served) - before)
    assert max(rounds) <= A_ROUND
    door.close()
    for stream in served:
        stream.close()


async def test_nobody_is_let_in_behind_a_closed_door(crowd):
    listener, knocking = crowd
    served = []
    Door([listener], lambda stream, address: served.append(stream), 1024).close()
    with pytest.raises(ConnectionError):
        await asyncio.to_thread(_read, knocking[0])
    assert not served


def _read(one):
    if one.recv(1) == b"":
        raise ConnectionResetError


class Short:
    """A listening socket on a host that is out of descriptors, once."""

    def __init__(self, listener):
        self.listener = listener
        self.fails = True

    def fileno(self):
        return self.listener.fileno()

    def close(self):
        self.listener.close()

    def accept(self):
        if self.fails:
            self.fails = False
            raise OSError(errno.EMFILE, "Too many open files")
        return self.listener.accept()


async def test_a_host_without_descriptors_is_told_in_the_log_and_lets_in_later(
    crowd, monkeypatch, caplog
):
    monkeypatch.setattr(doors, "REST_SECONDS", 0.0)
    listener, _ = crowd
    served = asyncio.Queue()
    door = Door([Short(listener)], lambda stream, address: served.put_nowait(stream), 1024)
    streams = [await served.get() for _ in range(20)]
    assert caplog.text.count("no connection can be taken: [Errno 24] Too many open files") == 1
    door.close()
    for stream in streams:
        stream.close()
