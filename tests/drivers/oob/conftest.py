import asyncio

import pytest

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
