"""A simulated MAAS, and what speaks with it."""

import pytest

from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.provisioner import MaasProvisioner
from tests.drivers.node.maas.making import options
from tests.peers.maas import Simulator
from tests.peers.maas.site import furnished


@pytest.fixture
async def maas():
    simulator = furnished(Simulator())
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def client(maas):
    client = MaasClient(options(maas))
    yield client
    await client.close()


@pytest.fixture
async def driver(maas):
    driver = MaasProvisioner(options(maas))
    yield driver
    await driver.close()
