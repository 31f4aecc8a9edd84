"""Scripted BMCs for the tests of the driver, and the driver with pauses of no length."""

import asyncio
import contextlib
import dataclasses

import pytest

from drydockd.drivers.oob.redfish.driver import RedfishOob
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.pace import Pace
from drydockd.errors import DriverTransient
from drydockd.site import Addressing, HardwareProfile, Node
from tests.peers.bmc import ACCOUNT, PASSWORD, ScriptedBmc
from tests.room.helpers import Voice

# All pauses are over at once; what lasts is counted in looks, or ends with its test.
QUICK = Pace(
    first=0.001,
    retry=0.001,
    longest=0.001,
    read_back=0.0,
    unchanged=0.02,
    settle=60,
    closing=60,
    logout=60,
)
OPTIONS = {
    "use_ssl": False,
    "power_state_change_retry_interval": 0.001,
    "power_state_change_max_retries": 10_000,
    "max_retries": 3,
}


def a_node(bmc, *, boot_mode=None, boot_mac=None, **oob):
    """The node `n1`, whose BMC is the scripted one."""
    parameters = {
        "account": ACCOUNT,
        "credential": PASSWORD,
        "network": "oob",
        "port": str(bmc.port),
        **{key: value for key, value in oob.items() if value is not None},
    }
    return Node(
        name="n1",
        oob_type="redfish",
        oob_parameters=parameters,
        addressing=(Addressing("oob", "static", "127.0.0.1"),),
        boot_mac=boot_mac,
        hardware=HardwareProfile(name="hw", boot_mode=boot_mode),
    )


class Watched(RedfishOob):
    """The driver, whose deadline passes when a test says so."""

    bmc = None

    def _deadline(self, seconds):
        self.seconds = seconds
        self.deadline = super()._deadline(seconds)
        return self.deadline

    async def _conversation(self, target, voice):
        self.bmc = await super()._conversation(target, voice)
        return self.bmc

    def expire(self):
        self.deadline.reschedule(asyncio.get_running_loop().time())


def a_driver(*, pace=None, **options):
    return Watched(RedfishOptions(**{**OPTIONS, **options}), pace=pace or QUICK)


class Lab:
    """One BMC, one node, one driver."""

    def __init__(self, bmc, driver, node, voice):
        self.bmc, self.driver, self.node, self.voice = bmc, driver, node, voice

    @property
    def machine(self):
        return self.bmc.machine

    @property
    def said(self):
        return [text for text, _ in self.voice.said]

    async def off(self):
        await self.driver.power_off(self.node, self.voice)

    async def on(self):
        await self.driver.power_on(self.node, self.voice)

    async def netboot(self):
        await self.driver.set_network_boot(self.node, self.voice)

    async def diskboot(self):
        await self.driver.set_disk_boot(self.node, self.voice)

    async def state(self):
        return await self.driver.power_state(self.node)

    async def in_vain(self, call):
        """Run a call until it meets trouble, let its deadline pass; return what it then says."""
        running = asyncio.create_task(call())
        await until(lambda: self.driver.bmc is not None and self.driver.bmc.trouble)
        self.driver.expire()
        with pytest.raises(DriverTransient, match="not done within 325 s") as caught:
            await running
        return str(caught.value)

    async def facts(self):
        return await self.driver.facts(self.node)


@pytest.fixture
async def lab():
    """Make a `Lab` of machines, attributes of the BMC, options of the driver and keys of `oob`.

    At the end no session may be left at any BMC, whatever happened.
    """
    bmcs = []

    async def make(*machines, context=None, options=None, pace=None, leaves_sessions=False, **more):
        bmc = await ScriptedBmc(*machines, context=context).start()
        bmcs.append((bmc, leaves_sessions))
        names = set(vars(bmc)) - {"port"}
        for name in names & set(more):
            setattr(bmc, name, more.pop(name))
        driver = a_driver(pace=pace, **(options or {}))
        return Lab(bmc, driver, a_node(bmc, **more), Voice())

    yield make
    for bmc, leaves_sessions in bmcs:
        await bmc.stop()
        assert leaves_sessions or not bmc.sessions, "a session was left"


def quicker(**more):
    return dataclasses.replace(QUICK, **more)


async def until(is_true):
    """Return once `is_true()`; the test's own time-out is what ends it otherwise."""
    while not is_true():
        await asyncio.sleep(0.001)


@pytest.fixture
async def plain_server():
    """Start a server that does what `answer(reader, writer)` says; return its port."""
    servers = []

    async def start(answer):
        async def handle(reader, writer):
            try:
                await answer(reader, writer)
            except ConnectionError:
                pass
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

        servers.append(await asyncio.start_server(handle, "127.0.0.1", 0))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()
