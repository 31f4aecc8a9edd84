"""A machine that boots from the network, and the BMC that switches it: both pretend, one object.

It does over HTTP what iPXE, the agent and the first boot do; tests break what they like of it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

import httpx

from drydockd.drivers.base import BmcFacts, PowerState

LSHW = """<?xml version="1.0"?><node id="m" class="system"><serial>S-1</serial>
<configuration><setting id="uuid" value="u-1"/></configuration>
<node id="net" class="network"><logicalname>ens3</logicalname><serial>{mac}</serial></node>
<node id="disk" class="disk"><logicalname>/dev/vda</logicalname><serial>D-1</serial>
<size units="bytes">21474836480</size></node></node>"""
TOKEN = re.compile(r"drydock\.token=(\S+)")


@dataclass
class PretendMachine:
    """An OobDriver for one node, and its machine. `said` are the commands the agent was given."""

    base_url: str = ""
    mac: str = "52:54:00:00:00:01"
    uuid: str = "u-1"
    oob_types: tuple[str, ...] = ("ipmi",)
    ask_seconds: float = 1.0
    worst_case_seconds: float = 5.0
    power: PowerState = PowerState.OFF
    boot: str = "disk"
    cuts: int = 0
    plan: dict | None = None
    said: list[dict] = field(default_factory=list)
    fails: str | None = None
    is_final: bool = False
    reports: bool = True
    scripts: list[str] = field(default_factory=list)
    _task: asyncio.Task | None = None

    # -- the BMC

    async def check(self):
        pass

    async def facts(self, node):
        return BmcFacts("pretend", self.power)

    async def power_state(self, node):
        return self.power

    async def set_network_boot(self, node, voice):
        self.boot = "network"

    async def set_disk_boot(self, node, voice):
        self.boot = "disk"

    async def power_off(self, node, voice):
        if self.power is PowerState.ON:
            self.cuts += 1
            await self._stop()
        self.power = PowerState.OFF

    async def power_on(self, node, voice):
        if self.power is PowerState.OFF:
            self.power = PowerState.ON
            body = self.netboot() if self.boot == "network" else self.disk_boot()
            self._task = asyncio.create_task(body, name="a pretend machine")

    async def close(self):
        await self._stop()

    async def _stop(self):
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # -- the machine

    def http(self, base_url: str | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=base_url or self.base_url, timeout=10)

    async def script(self, http) -> str:
        query = {"mac": self.mac, "uuid": self.uuid, "serial": "S-1", "platform": "pcbios"}
        text = (await http.get("/boot/ipxe", params=query)).text
        self.scripts.append(text)
        return text

    async def netboot(self) -> None:
        async with self.http() as http:
            text = await self.script(http)
            if "kernel" in text:
                found = TOKEN.search(text)
                await self.agent(http, found[1] if found else None)
        self.power = PowerState.OFF

    def report(self) -> dict:
        return {
            "mac": self.mac,
            "macs": [self.mac],
            "uuid": self.uuid,
            "serial": "S-1",
            "lshw": LSHW.format(mac=self.mac),
            "memory_mib": 1024,
            "cpus": 2,
        }

    async def agent(self, http, token: str | None) -> None:
        if token is None:
            (await http.post("/boot/inventory", json=self.report())).raise_for_status()
            return
        hello = {"nonce": "a" * 32, "mac": self.mac, "macs": [self.mac], "uuid": self.uuid}
        answer = await http.post("/boot/hello", json=hello, headers=bearer(token))
        answer.raise_for_status()
        headers = bearer(answer.json()["session"])
        greeting = answer.json()
        if greeting["phase"] == "inspect" and self.fails is not None:
            end = {"id": greeting["id"], "ok": False, "error": self.fails, "log": "all done\n"}
            (await http.post("/boot/end", json=end, headers=headers)).raise_for_status()
        elif greeting["phase"] == "inspect":
            sent = await http.post("/boot/inventory", json=self.report(), headers=headers)
            sent.raise_for_status()
        while True:
            got = await http.get("/boot/command", params={"wait": 5}, headers=headers)
            got.raise_for_status()
            command = got.json()
            self.said.append(command)
            if command["do"] == "poweroff":
                return
            if command["do"] in ("install", "wipe"):
                self.plan = command.get("plan")
                end = {"id": command["id"], "ok": self.fails is None, "error": self.fails,
                       "is_final": self.is_final, "log": "all done\n",
                       "steps": [["wipe", 0.1]]}  # fmt: skip
                await http.post("/boot/end", json=end, headers=headers)

    async def disk_boot(self) -> None:
        if self.plan is None or not self.reports:
            return
        (secret,) = (f for f in self.plan["files"] if f["path"] == "/etc/drydock/first-boot")
        url, given = secret["text"].split()
        async with self.http(url) as http:
            line = f"BOOT_IMAGE=/vmlinuz {self.plan['kernel_params']}"
            body = {"boot_id": "b", "cmdline": line, "addresses": [], "failed_units": []}
            (await http.post("/boot/first", json=body, headers=bearer(given))).raise_for_status()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
