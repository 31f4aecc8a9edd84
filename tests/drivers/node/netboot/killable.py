"""The provisioner in a process of its own that is killed without a word, and what it talks to.

Run as ``python -m tests.drivers.node.netboot.killable PHASE STATE IMAGES PORT SOCKET``: what a task
that was taken up again does in PHASE, from the records on; exit status 0 at its end. The BMC is
behind SOCKET, one line there and one back for each call.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from drydockd.drivers.base import BmcFacts, PowerState, Surroundings
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.drivers.node.netboot.provisioner import NetbootProvisioner
from drydockd.errors import NodeUnknown
from drydockd.machines import NodeState
from drydockd.store import open_store
from drydockd.store.shelf import StoreShelf
from tests.drivers.node.netboot.pretend import PretendMachine
from tests.drivers.node.netboot.test_provisioner import NETWORK, NODE, PLATFORM, SPEC, STORAGE
from tests.room.helpers import Voice

CALLS = ("power_state", "set_network_boot", "set_disk_boot", "power_off", "power_on")
PAUSE = 0.05


class DistantBmc:
    """An OobDriver whose machine outlives the daemon."""

    oob_types = ("ipmi",)
    ask_seconds = 1.0
    worst_case_seconds = 5.0

    def __init__(self, socket):
        self._socket = socket

    async def _call(self, name):
        reader, writer = await asyncio.open_unix_connection(self._socket)
        writer.write(f"{name}\n".encode())
        answer = (await reader.readline()).decode().strip()
        writer.close()
        return answer

    async def check(self):
        pass

    async def facts(self, node):
        return BmcFacts("distant", await self.power_state(node))

    async def power_state(self, node):
        return PowerState(await self._call("power_state"))

    async def set_network_boot(self, node, voice):
        await self._call("set_network_boot")

    async def set_disk_boot(self, node, voice):
        await self._call("set_disk_boot")

    async def power_off(self, node, voice):
        await self._call("power_off")

    async def power_on(self, node, voice):
        await self._call("power_on")

    async def close(self):
        pass


async def daemon(phase, state, images, port, socket):
    store = await open_store("tiny", Path(state))
    options = NetbootOptions(
        base_url=f"http://127.0.0.1:{port}", listen=f"127.0.0.1:{port}", images=Path(images),
        dhcp="none", first_boot_seconds=60, hello_seconds=60,
    )  # fmt: skip
    driver = NetbootProvisioner(options)
    driver._limits = replace(driver._limits, look=0.02)
    bmc = DistantBmc(socket)
    await driver.start(Surroundings(StoreShelf(store, "netboot"), b"s" * 32, lambda node: bmc))
    await driver.lead()
    await {"prepare": prepare, "deploy": deploy, "destroy": destroy}[phase](driver, bmc)
    await driver.close()
    await store.close()


async def prepare(driver, bmc):
    voice, handle = Voice(), None
    try:
        handle = await driver.find(NODE)
    except NodeUnknown:
        await bmc.power_off(NODE, voice)
        await bmc.set_network_boot(NODE, voice)
        await bmc.power_on(NODE, voice)
    while handle is None:
        try:
            handle = await driver.find(NODE)
        except NodeUnknown:
            await asyncio.sleep(PAUSE)
    handle = await driver.commission(await driver.adopt(handle, NODE), voice)
    assert handle.state is NodeState.READY


async def deploy(driver, bmc):
    handle = await driver.find(NODE)
    if handle.state is NodeState.READY:
        await driver.apply_network(handle, NETWORK)
        await driver.apply_storage(handle, STORAGE)
        await driver.apply_platform(handle, PLATFORM)
    handle = await driver.deploy(handle, SPEC, Voice())
    assert handle.state is NodeState.DEPLOYED


async def destroy(driver, bmc):
    await driver.destroy(NODE, Voice())
    try:
        await driver.find(NODE)
    except NodeUnknown:
        return
    raise AssertionError("it is still known")


class Stubborn(httpx.AsyncHTTPTransport):
    """Asks again until it is answered, as agents do; `heard` is told of each answer."""

    def __init__(self, heard):
        super().__init__()
        self._heard = heard

    async def handle_async_request(self, request):
        while True:
            try:
                answer = await super().handle_async_request(request)
                await answer.aread()
            except httpx.TransportError:
                await asyncio.sleep(PAUSE)  # nobody tells when the port is open again
                continue
            await self._heard(f"{request.method} {request.url.path}")
            return answer


@dataclass
class Killed:
    """Kills the daemon at every event, once each, and starts it anew. `killed` are the events."""

    folder: Path
    images: Path
    port: int
    machine: PretendMachine = None
    killed: list[str] = field(default_factory=list)
    phase: str = ""
    child: asyncio.subprocess.Process | None = None

    def __post_init__(self):
        self.machine = StubbornMachine(base_url=f"http://127.0.0.1:{self.port}")
        self.machine.heard = self.event

    async def event(self, name):
        name = f"{self.phase}: {name}"
        if name not in self.killed and self.child is not None and self.child.returncode is None:
            self.killed.append(name)
            self.child.kill()
            await self.child.wait()

    async def serve(self):
        self.socket = self.folder / "bmc"
        self._server = await asyncio.start_unix_server(self._bmc, self.socket)

    async def close(self):
        self._server.close()
        await self.machine.close()

    async def _bmc(self, reader, writer):
        try:
            name = (await reader.readline()).decode().strip()
            if name:  # else it was killed before it asked
                writer.write(await self._answer(name))
        finally:
            writer.close()

    async def _answer(self, name):
        assert name in CALLS, name
        if name == "power_state":
            return f"{self.machine.power.value}\n".encode()
        await self.event(f"before {name}")
        await getattr(self.machine, name)(NODE, Voice())
        await self.event(f"after {name}")
        return b"done\n"

    async def run(self, phase):
        """Run `phase` to its end, however often it is killed. Returns how often it was."""
        self.phase, before = phase, len(self.killed)
        while True:
            self.child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.drivers.node.netboot.killable", phase,
                str(self.folder / "state"), str(self.images), str(self.port), str(self.socket),
                cwd=Path(__file__).parents[4], stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, said = await self.child.communicate()
            if self.child.returncode != -9:
                assert self.child.returncode == 0, said.decode()
                return len(self.killed) - before


@dataclass
class StubbornMachine(PretendMachine):
    """It counts what it did to its disks, and when it reported from them."""

    did: list[str] = field(default_factory=list)
    heard: object = None

    def http(self, base_url=None):
        return httpx.AsyncClient(
            base_url=base_url or self.base_url, timeout=30, transport=Stubborn(self.tell)
        )

    async def tell(self, request):
        if request == "POST /boot/end":
            self.did.append(f"ended {self.said[-1]['do']}")
        if request == "POST /boot/first":
            self.did.append("reported from disk")
        await self.heard(request)


if __name__ == "__main__":
    asyncio.run(daemon(*sys.argv[1:]))
