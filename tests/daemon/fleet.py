"""A site whose nodes have BMCs of their own, each tied to a machine of the virtual machine room.

The room is the provisioner: its machine goes off, on and to the network when its BMC does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager

import yaml

from drydockd.design.compile import compile_site
from drydockd.machines import PowerState
from drydockd.room.access import RoomAccess
from drydockd.room.card import card_of
from tests.handlers.helpers import QUICK, V1, daemon
from tests.peers.bmc import Machine, ScriptedBmc
from tests.tasks.helpers import names, site_text


def address(number):
    """Of the BMC of the node `number`, on this machine's loopback."""
    return f"127.64.0.{number + 1}"


def mac(number):
    return f"52:54:00:64:00:{number:02x}"


def site(count, oob, **by_node):
    """A site of nodes n1, n2 ...; `oob` is what all their BMCs have, `by_node` what one has."""
    own = {
        name: {"metadata": {"boot_mac": mac(number)}, "oob": by_node.get(name, {})}
        for number, name in enumerate(names(count), 1)
    }
    documents = list(yaml.safe_load_all(site_text(count, bootactions=False, **own)))
    [profile] = [one for one in documents if one["schema"] == "drydock/HostProfile/v1"]
    profile["data"]["oob"].update(oob)
    return yaml.safe_dump_all(documents).replace("10.2.", "127.64.")


class Cable:
    """Does to the machine in the room what its BMC was told, one thing after the other."""

    def __init__(self, room, card):
        self._room, self._card = room, card
        self._orders = asyncio.Queue()

    def power(self, state, *, is_netboot=False):
        self._orders.put_nowait((state, is_netboot))

    async def work(self):
        while True:
            state, is_netboot = await self._orders.get()
            if is_netboot:
                await self._room.bmc_boot(self._card, "network")
            machine = await self._room.bmc_power(self._card, state)
            while machine.power is not state:
                machine = await self._room.changed(machine.id, machine.revision)


class RedfishBmc(ScriptedBmc):
    """A scripted BMC at an address of its own, with a machine at its cable."""

    def __init__(self, number):
        self.number = number
        uuid = f"8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f{number:04d}"
        super().__init__(
            Machine(power="On", serial=f"SN-{number:04d}", uuid=uuid, macs=[mac(number)])
        )
        self.cable = None

    def _turn(self, machine, way, old, new):
        before = (machine.power, list(machine.coming))
        super()._turn(machine, way, old, new)
        if (machine.power, machine.coming) == before or machine.settle() == old:
            return
        is_netboot = False
        if new == "On":
            is_netboot = machine.boot["BootSourceOverrideTarget"] == "Pxe"
            if machine.boot["BootSourceOverrideEnabled"] == "Once":
                machine.boot.update(
                    BootSourceOverrideEnabled="Disabled", BootSourceOverrideTarget="None"
                )
        self.cable.power(PowerState(new.lower()), is_netboot=is_netboot)


class Site:
    """A daemon, its site, and the room in which the machines stand."""

    def __init__(self, drydock, ref, room, nodes):
        self.drydock, self.ref, self.room, self.nodes = drydock, ref, room, nodes

    async def run(self, action, seconds=120):
        made = await self.drydock.post(f"{V1}/tasks", {"action": action, "design_ref": self.ref})
        assert made.status_code == 201, made.text
        return await self.drydock.ended(made.json()["task_id"], seconds)

    async def machines(self):
        return {machine.name: machine for machine in await self.room.machines()}

    async def facts(self, name, generator):
        """What `generator` told of a node, as build data, each time it was kept."""
        kept = (await self.drydock.get(f"{V1}/nodes/{name}/builddata")).json()
        return [json.loads(one["data_element"]) for one in kept if one["generator"] == generator]

    def errors(self, task):
        return [m["message"] for m in task["result"]["details"]["messageList"] if m["error"]]

    async def all_said(self, tasks):
        """Everything that callers can read about `tasks`, with their subtasks and build data."""
        said = [json.dumps(tasks)]
        for task in tasks:
            params = {"subtaskerrors": "true", "builddata": "true", "layers": "-1"}
            answer = await self.drydock.get(f"{V1}/tasks/{task['task_id']}", params=params)
            said.append(answer.text)
        for name in self.nodes:
            said.append((await self.drydock.get(f"{V1}/nodes/{name}/builddata")).text)
        return "\n".join(said)


@asynccontextmanager
async def a_site(state, text, cables, **sections):
    """Run a daemon for the site `text`; `cables` are given their machines, by node's number."""
    compiled, findings = compile_site(text.encode())
    assert not findings, findings[0]
    file = state / "bmc-site.yaml"
    file.write_text(text)
    machines = [
        {"name": node.name, "bmc": node.oob_address, "boot_mac": node.boot_mac, "power": "on"}
        for node in compiled.nodes.values()
    ]
    config = {**QUICK, "machines": machines}
    access = RoomAccess(url=None, room="default", config=config, folder=None)
    room = access.port()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(access.close)
        group = await stack.enter_async_context(workers())
        for number, name in enumerate(names(len(compiled.nodes)), 1):
            cable = Cable(room, card_of(compiled.nodes[name]))
            cables(number, cable)
            group.append(asyncio.create_task(cable.work()))
        drydock = await stack.enter_async_context(
            daemon(state, fake_driver={"config": config}, **sections)
        )
        yield Site(drydock, file.as_uri(), room, tuple(compiled.nodes))


@asynccontextmanager
async def workers():
    working = []
    try:
        yield working
    finally:
        for worker in working:
            worker.cancel()
        await asyncio.gather(*working, return_exceptions=True)
