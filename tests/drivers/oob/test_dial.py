"""The TCP connection of an ssh: what it could not deliver is forgotten, also when it is killed."""

import asyncio
import os
import socket
import struct
import subprocess
import sys

import pytest

from drydockd.drivers.oob import dial

pytestmark = pytest.mark.process


@pytest.fixture
def door():
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening


def dialled(door, seconds=1.5):
    port = door.getsockname()[1]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", dial.__file__, "127.0.0.1", str(port), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_kernel_is_told_how_long_to_deliver_and_to_forget_what_was_closed(door):
    with dial.dial(*door.getsockname(), 1.5) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500
        linger = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert struct.unpack("ii", linger) == (1, 0)


def test_it_relays_both_ways_until_the_peer_ends(door):
    process = dialled(door)
    peer, _ = door.accept()
    process.stdin.write(b"question")
    process.stdin.flush()
    assert peer.recv(100) == b"question"
    peer.sendall(b"answer")
    peer.close()

    assert process.stdout.read() == b"answer"
    assert process.wait(20) == 0
    process.communicate()


def test_it_ends_when_nobody_has_anything_to_send_any_more(door):
    process = dialled(door)
    peer, _ = door.accept()
    with peer:
        process.stdin.close()
        assert process.wait(20) == 0
    process.stdout.close()
    process.stderr.close()


def test_nobody_there_is_told_as_ssh_would_and_ends_at_once(door):
    port = door.getsockname()[1]
    door.close()
    words = [sys.executable, "-I", "-S", dial.__file__, "127.0.0.1", str(port), "1.5"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=20)

    assert ended.returncode == 255
    assert ended.stderr == f"connect to host 127.0.0.1 port {port}: Connection refused\n"


async def test_of_a_killed_one_nothing_comes_any_more(door):
    """A peer that takes nothing for a while gets no more than it had, once the sender is dead."""
    door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    process = dialled(door)
    peer, _ = door.accept()
    with peer:
        os.set_blocking(process.stdin.fileno(), False)
        written = await _until_full(process.stdin.fileno())
        process.kill()
        await asyncio.to_thread(process.wait)

        read, is_reset = _read_all(peer)
    assert is_reset, f"all {read} bytes came, as if nobody had died"
    assert read < written
    process.communicate()


def _read_all(peer):
    """How many bytes came, and whether the connection was reset behind them."""
    read = 0
    try:
        while piece := peer.recv(65536):
            read += len(piece)
    except ConnectionResetError:
        return read, True
    return read, False


async def _until_full(fd):
    """Write until nothing more is taken."""
    loop, written = asyncio.get_running_loop(), 0
    while True:
        free = loop.create_future()
        loop.add_writer(fd, lambda free=free: free.done() or free.set_result(None))
        try:
            async with asyncio.timeout(1):
                await free
        except TimeoutError:
            return written
        finally:
            loop.remove_writer(fd)
        written += os.write(fd, b"x" * 65536)
