"""Guests of a real hypervisor, each tied to a machine of a room: what it does, the machine does."""

from __future__ import annotations

import asyncio
import os
import re
import xml.etree.ElementTree as ElementTree
from contextlib import asynccontextmanager

import yaml

from drydockd.machines import PowerState
from tests.daemon.fleet import mac
from tests.peers.ipmi import free_udp_port
from tests.tasks.helpers import names, site_text

GUEST = """\
<domain type="qemu">
  <name>{name}</name>
  <memory unit="MiB">64</memory>
  <os>
    <type arch="x86_64" machine="pc">hvm</type>
    <boot dev="hd"/>
  </os>
  <devices>
    <interface type="udp">
      <mac address="{mac}"/>
      <source address="127.0.0.1" port="{network}">
        <local address="127.0.0.1" port="{local}"/>
      </source>
      <model type="virtio"/>
    </interface>
  </devices>
</domain>
"""
EVENT = re.compile(r"event 'lifecycle' for domain '?(?P<name>[\w-]+)'?: (?P<what>\w+)")


class Guests:
    """`told`: for each node what its guest did, since `followed`."""

    def __init__(self, hypervisor, count):
        self.hypervisor = hypervisor
        self.names = names(count)
        self.told = {name: [] for name in self.names}
        self.cables = {}

    async def _virsh(self, *words):
        return await asyncio.to_thread(self.hypervisor.virsh, *words, driver="qemu")

    async def define(self):
        """All of them run, as they were found: from disk."""
        for number, name in enumerate(self.names, 1):
            ports = {"network": free_udp_port(), "local": free_udp_port()}
            text = GUEST.format(name=name, mac=mac(number), **ports)
            await asyncio.to_thread(self.hypervisor.define, text, driver="qemu")
            await self._virsh("start", name)

    async def forget(self):
        for name in self.names:
            if "running" in await self._virsh("domstate", name):
                await self._virsh("destroy", name)
            await self._virsh("undefine", name)

    def connect(self, name, cable):
        self.cables[name] = cable

    def site(self):
        own = {
            name: {"metadata": {"boot_mac": mac(number)}}
            for number, name in enumerate(self.names, 1)
        }
        text = site_text(len(self.names), bootactions=False, **own)
        documents = list(yaml.safe_load_all(text))
        [profile] = [one for one in documents if one["schema"] == "drydock/HostProfile/v1"]
        uri = self.hypervisor.uri("qemu")
        profile["data"]["oob"] = {"type": "libvirt", "libvirt_uri": uri}
        return yaml.safe_dump_all(documents)

    @asynccontextmanager
    async def followed(self):
        """Do with the machines in the room what the guests do."""
        uri = f"{self.hypervisor.uri('qemu')}?no_tty=1&command={self.hypervisor.folder}/ssh"
        watching = await asyncio.create_subprocess_exec(
            *("virsh", "-c", uri, "event", "--event", "lifecycle", "--loop"),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.hypervisor.folder),
                "LC_ALL": "C",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        following = asyncio.create_task(self._follow(watching.stdout))
        try:
            yield
            assert not following.done(), following
        finally:
            following.cancel()
            watching.kill()
            await watching.wait()

    async def _follow(self, lines):
        while line := await lines.readline():
            match = EVENT.search(line.decode())
            if match is None or match["name"] not in self.cables:
                continue
            name, cable = match["name"], self.cables[match["name"]]
            if match["what"] == "Stopped":
                self.told[name].append("off")
                cable.power(PowerState.OFF)
            elif match["what"] == "Started":
                boot = ElementTree.fromstring(await self._virsh("dumpxml", name)).find("os/boot")
                is_netboot = boot is not None and boot.get("dev") == "network"
                self.told[name].append("on from network" if is_netboot else "on")
                cable.power(PowerState.ON, is_netboot=is_netboot)
