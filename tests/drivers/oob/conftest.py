import asyncio
import os

import pytest

from tests.drivers.oob.guests import Serial, Wire
from tests.drivers.oob.processes import Children
from tests.peers.ipmi import free_udp_port


@pytest.fixture
def children():
    """Call it: the children of this process that the test made."""
    return Children()


@pytest.fixture
def free_port():
    """A UDP port of this machine at which nobody listens."""
    return free_udp_port()


class SilentBmc(asyncio.DatagramProtocol):
    """Hears everything and says nothing."""

    def __init__(self):
        self.asked = asyncio.Event()

    def connection_made(self, transport):
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, address):
        self.asked.set()


@pytest.fixture
async def silent_bmc():
    """A BMC that never answers; `asked` is set once somebody tries."""
    loop = asyncio.get_running_loop()
    transport, bmc = await loop.create_datagram_endpoint(SilentBmc, local_addr=("127.0.0.1", 0))
    yield bmc
    transport.close()


@pytest.fixture
async def wire():
    """The other end of a guest's network card."""
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_datagram_endpoint(Wire, local_addr=("127.0.0.1", 0))
    yield wire
    transport.close()


@pytest.fixture
async def serial():
    """The other end of a guest's serial port."""
    serial = Serial()
    server = await asyncio.start_server(serial.serve, "127.0.0.1", 0)
    serial.port = server.sockets[0].getsockname()[1]
    yield serial
    server.close()


@pytest.fixture
def programs(monkeypatch, tmp_path_factory):
    """A virsh and an ssh are there; what they would do is the test's to say."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("virsh", "ssh"):
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
