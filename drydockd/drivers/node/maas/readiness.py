"""In which states of a machine its network and disks may be changed, and how it gets there.

Source: contract, maas, section 3, and maas-facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas.answers import Taken, Unsure
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.errors import DriverConflict

Document = dict[str, Any]

DONE = ("Deployed",)
RELEASING = ("Releasing", "Disk erasing")


class Desk:
    """One machine at MAAS: reads it, and releases it where that is what it takes.

    `poll_seconds` lie between two looks at a machine that is being released; the caller bounds
    how long that takes.
    """

    def __init__(
        self,
        client: MaasClient,
        handle: Handle,
        what: str,
        *,
        poll_seconds: float = 10.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._client, self._handle, self._what = client, handle, what
        self._poll_seconds, self._sleep = poll_seconds, sleep

    async def read(self) -> Document:
        document: Document = await self._client.get(at("machine", sid=self._handle.id))
        return document

    async def opened(self) -> Document | None:
        """Return the machine in a state in which it may be changed, Ready or Allocated.

        A failed deployment is released first. None: it is deployed, and is left alone. Raises
        DriverConflict naming any other state.
        """
        machine = await self.read()
        if machine["status_name"] in DONE:
            return None
        if machine["status_name"] == "Failed deployment" or machine["status_name"] in RELEASING:
            machine = await self.released(machine)
        self.check(machine)
        return machine

    def check(self, machine: Document) -> None:
        if machine["status_name"] not in ("Ready", "Allocated"):
            raise DriverConflict(
                f"{self._handle.name}: {self._what} can be set while MAAS has the machine as "
                f"Ready or Allocated, but it is {machine['status_name']}"
            )

    async def released(self, machine: Document) -> Document:
        """Return the machine when it is Ready again; nothing is erased.

        Raises DriverConflict: the release failed, or somebody took the machine.
        """
        if machine["status_name"] == "Ready":
            return machine
        if machine["status_name"] not in RELEASING:
            machine = await self._release()
        while machine["status_name"] in RELEASING:
            await self._sleep(self._poll_seconds)
            machine = await self.read()
        if machine["status_name"] != "Ready":
            raise DriverConflict(
                f"{self._handle.name}: MAAS was to release the machine, but it is "
                f"{machine['status_name']}: {machine.get('status_message') or 'no reason told'}"
            )
        return machine

    async def _release(self) -> Document:
        try:
            answer: Document = await self._client.post(
                at("machine", sid=self._handle.id), "release"
            )
        except (Unsure, Taken):
            return await self.read()
        return answer
