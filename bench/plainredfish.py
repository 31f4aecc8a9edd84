"""The least that is Redfish: BMCs in front of a room, and an OobDriver that talks to them.

The driver knows no fault and no vendor, so what it takes is what nobody can do without: the
yardstick for the real one. All BMCs of the server listen on one port, each at an address of
its own in 127.0.0.0/8, and are the BMCs of the room's machines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from drydockd.drivers.base import BmcFacts, PowerState, Voice
from drydockd.drivers.options import Offer, Options, opt
from drydockd.errors import DriverTransient
from drydockd.room.card import NodeCard
from drydockd.room.config import load_config
from drydockd.room.room import Room
from drydockd.room.server import make_app
from drydockd.site import Node

SYSTEM = "/redfish/v1/Systems/1"
SESSIONS = "/redfish/v1/SessionService/Sessions"
POLL_SECONDS = 0.5
POWER_SECONDS = 60.0
# Made once: each of its own costs milliseconds, and plain HTTP needs none.
CONTEXT = ssl.create_default_context()


class PlainOptions(Options):
    port: int = opt(8000, "Port of all BMCs")


class PlainRedfish:
    """An OobDriver: a session for each operation, one client for each, nothing is repeated."""

    oob_types = ("ipmi", "redfish")
    ask_seconds = POWER_SECONDS
    worst_case_seconds = 2 * POWER_SECONDS

    def __init__(self, options: PlainOptions) -> None:
        self._port = options.port

    async def check(self) -> None: ...

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        await self._set_boot(node, "Pxe")

    async def set_disk_boot(self, node: Node, voice: Voice) -> None:
        await self._set_boot(node, "Hdd")

    async def facts(self, node: Node) -> BmcFacts:
        async with self._session(node) as client:
            system = (await client.get(SYSTEM)).raise_for_status().json()
            nics = (await client.get(SYSTEM + "/EthernetInterfaces")).raise_for_status().json()
        return BmcFacts(
            "redfish",
            PowerState(system["PowerState"].lower()),
            boot_device=system["Boot"]["BootSourceOverrideTarget"],
            vendor=system["Manufacturer"],
            model=system["Model"],
            serial=system["SerialNumber"],
            uuid=system["UUID"],
            name=system["HostName"],
            macs=tuple(nic["MACAddress"].lower() for nic in nics["Members"]),
        )

    async def power_state(self, node: Node) -> PowerState:
        async with self._session(node) as client:
            return await self._power(client)

    async def power_off(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.OFF, "ForceOff", voice)

    async def power_on(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.ON, "On", voice)

    async def close(self) -> None: ...

    async def _set_boot(self, node: Node, target: str) -> None:
        boot = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": target}
        async with self._session(node) as client:
            (await client.patch(SYSTEM, json={"Boot": boot})).raise_for_status()
            system = (await client.get(SYSTEM)).raise_for_status().json()
        if system["Boot"]["BootSourceOverrideTarget"] != target:
            raise DriverTransient(f"{node.name}: the boot device was not taken")

    async def _switch(self, node: Node, wanted: PowerState, reset: str, voice: Voice) -> None:
        async with self._session(node) as client, asyncio.timeout(POWER_SECONDS):
            if await self._power(client) is not wanted:
                action = SYSTEM + "/Actions/ComputerSystem.Reset"
                (await client.post(action, json={"ResetType": reset})).raise_for_status()
                while await self._power(client) is not wanted:
                    await asyncio.sleep(POLL_SECONDS)
        await voice.say(f"{node.name}: power is {wanted}")

    async def _power(self, client: httpx.AsyncClient) -> PowerState:
        system = (await client.get(SYSTEM)).raise_for_status().json()
        return PowerState(system["PowerState"].lower())

    @asynccontextmanager
    async def _session(self, node: Node) -> AsyncIterator[httpx.AsyncClient]:
        url = f"http://{node.oob_address}:{self._port}"
        login = {"UserName": "bench", "Password": "bench-only"}
        async with httpx.AsyncClient(base_url=url, verify=CONTEXT, trust_env=False) as client:
            try:
                answer = (await client.post(SESSIONS, json=login)).raise_for_status()
                client.headers["X-Auth-Token"] = answer.headers["X-Auth-Token"]
                yield client
                await client.delete(answer.headers["Location"])
            except (httpx.HTTPError, TimeoutError) as error:
                raise DriverTransient(f"{node.name}: {type(error).__name__}") from error


DRIVER = Offer(PlainRedfish, PlainOptions, "plain_redfish", "the least that is Redfish")


class Bmc(RequestHandler):
    """All paths of all BMCs; whose it is, the address says that was connected to."""

    def initialize(self, room: Room, cards: dict[str, NodeCard], seconds: float) -> None:
        self.room, self.seconds = room, seconds
        self.card = cards[self.request.host_name]

    async def prepare(self) -> None:
        if self.seconds:
            await asyncio.sleep(self.seconds)

    async def get(self, path: str) -> None:
        base = {"@odata.id": f"/redfish/v1/{path}"}
        if path == "":
            links = {"Sessions": {"@odata.id": SESSIONS}}
            systems = {"@odata.id": "/redfish/v1/Systems"}
            self.finish({**base, "Id": "Root", "Systems": systems, "Links": links})
        elif path == "Systems":
            self.finish({**base, "Members@odata.count": 1, "Members": [{"@odata.id": SYSTEM}]})
        elif path == "Systems/1":
            self.finish({**base, **await self._system()})
        elif path == "Systems/1/EthernetInterfaces":
            facts = await self.room.bmc_facts(self.card)
            self.finish({**base, "Members": [{"MACAddress": mac} for mac in facts.macs]})
        else:
            self.send_error(404)

    async def post(self, path: str) -> None:
        if path == "SessionService/Sessions":
            self.set_header("X-Auth-Token", "t")
            self.set_header("Location", SESSIONS + "/1")
            self.set_status(201)
            self.finish({"Id": "1"})
        elif path == "Systems/1/Actions/ComputerSystem.Reset":
            is_on = json.loads(self.request.body)["ResetType"] == "On"
            await self.room.bmc_power(self.card, PowerState.ON if is_on else PowerState.OFF)
            self.set_status(204)
        else:
            self.send_error(404)

    async def patch(self, path: str) -> None:
        target = json.loads(self.request.body)["Boot"]["BootSourceOverrideTarget"]
        await self.room.bmc_boot(self.card, "network" if target == "Pxe" else "disk")
        self.set_status(204)

    def delete(self, path: str) -> None:
        self.set_status(204)

    async def _system(self) -> dict[str, Any]:
        facts = await self.room.bmc_facts(self.card)
        is_netboot = (facts.boot_device or "").startswith("network")
        return {
            "Id": "1",
            "SystemType": "Physical",
            "PowerState": facts.power.value.capitalize(),
            "Boot": {
                "BootSourceOverrideEnabled": "Once" if is_netboot else "Disabled",
                "BootSourceOverrideTarget": "Pxe" if is_netboot else "None",
            },
            "EthernetInterfaces": {"@odata.id": SYSTEM + "/EthernetInterfaces"},
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": SYSTEM + "/Actions/ComputerSystem.Reset",
                    "ResetType@Redfish.AllowableValues": ["On", "ForceOff"],
                }
            },
            "Manufacturer": facts.vendor,
            "Model": facts.model,
            "SerialNumber": facts.serial,
            "UUID": facts.uuid,
            "HostName": facts.name,
        }


async def serve(file: str, seconds: float) -> None:
    """Serve room and BMCs until told to stop; prints the room's URL and the BMCs' port."""
    config = load_config(file)
    room = Room(config, Path(file).parent / "nodes")
    described = config.machines if isinstance(config.machines, tuple) else ()
    cards = {
        m.bmc: NodeCard(m.name or m.bmc, bmc=m.bmc, boot_mac=m.boot_mac)
        for m in described
        if m.bmc is not None
    }
    shared = {"room": room, "cards": cards, "seconds": seconds}
    bmcs = HTTPServer(Application([(r"/redfish/v1/?(.*)", Bmc, shared)], log_function=print_errors))
    rooms = HTTPServer(make_app(room), max_body_size=16 * 2**20)
    [ours] = bind_sockets(0, "127.0.0.1")
    [theirs] = bind_sockets(0, "0.0.0.0", backlog=4096)
    rooms.add_socket(ours)
    bmcs.add_socket(theirs)
    print(f"http://127.0.0.1:{ours.getsockname()[1]} {theirs.getsockname()[1]}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await room.close()


def print_errors(handler: RequestHandler) -> None:
    if handler.get_status() >= 400:
        print(handler.get_status(), handler.request.method, handler.request.path, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", help="the room file, whose machines are described")
    parser.add_argument("--seconds", type=float, default=0.0, help="of each answer")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.room, arguments.seconds))
