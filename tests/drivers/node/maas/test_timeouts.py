"""An answer that does not come in time, at any request: the same run or the next one goes on."""

import asyncio
import itertools
from contextlib import suppress

import httpx
import pytest

from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.networking import apply_network
from drydockd.drivers.node.maas.platform import apply_platform
from drydockd.drivers.node.maas.storage import apply_storage
from drydockd.errors import DriverTransient
from drydockd.plans import PlatformPlan
from tests.drivers.node.maas.apparatus import state
from tests.drivers.node.maas.making import options
from tests.drivers.node.maas.plans import a_network, commissioned, flat, lay, part
from tests.peers.maas import Simulator
from tests.peers.maas.site import furnished

GB = 10**9
REQUESTS = 20
# What ends the same when it is done once more, and so is.
REPEATABLE = ("change_interface", "set_storage_layout", "mount", "restore")
STORAGE = flat(part("var", 40 * GB, "/var"))
PLATFORM = PlatformPlan("jammy", None, "quiet", "n1_kp", ("gpu",))


class Late(httpx.AsyncBaseTransport):
    """MAAS acts on each request; the answer of number `at` comes too late."""

    def __init__(self, at):
        self.inner = httpx.AsyncHTTPTransport()
        self.at = at
        self.made = itertools.count()

    async def handle_async_request(self, request):
        response = await self.inner.handle_async_request(request)
        if next(self.made) != self.at:
            return response
        await response.aread()
        await response.aclose()
        raise httpx.ReadTimeout("timed out", request=request)

    async def aclose(self):
        await self.inner.aclose()


async def prepare(client, handle):
    """All of a node, as prepare_nodes and deploy_nodes do it; once more after a time-out."""
    for step, plan in (
        (apply_network, a_network()),
        (apply_storage, STORAGE),
        (apply_platform, PLATFORM),
    ):
        try:
            await step(client, handle, plan)
        except DriverTransient:
            await step(client, handle, plan)


async def outcome(at=None):
    region = lay(furnished(Simulator()))
    await region.start()
    machine, handle = commissioned(region)
    client = MaasClient(options(region), transport=Late(at))
    with suppress(DriverTransient):
        await prepare(client, handle)
    await client.close()
    await region.stop()
    return state(machine), region.done, len(region.calls)


@pytest.fixture(scope="module")
def whole():
    return asyncio.run(outcome())


@pytest.mark.parametrize("number", range(REQUESTS))
async def test_nothing_is_done_twice_and_nothing_is_left_out(whole, number):
    found, done, _ = await outcome(number)
    assert found == whole[0]
    assert once(done) == once(whole[1])


def once(done):
    return {key: count for key, count in done.items() if key[0] not in REPEATABLE}


def test_every_request_of_a_node_was_late_once(whole):
    assert whole[2] == REQUESTS
