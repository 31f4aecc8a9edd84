"""Out-of-band control of the virtual machine room: every OOB type of a design will do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drydockd.drivers.base import PowerState, Voice
from drydockd.errors import DriverTransient
from drydockd.room.access import RoomAccess
from drydockd.room.card import card_of
from drydockd.room.room import Room
from drydockd.site import Node

EVERY_TYPE = ("ipmi", "redfish", "libvirt", "manual")


class FakeOob:
    """An OobDriver for the room `room` of this process, or for the room at `url`.

    `config` is a room file or its content, for a room of this process; `oob_types` are the
    types it answers for; `power_seconds` bounds the wait for a machine to go on or off.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        room: str | Room = "default",
        config: str | Path | Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        oob_types: Sequence[str] = EVERY_TYPE,
        power_seconds: float = 30.0,
    ) -> None:
        self.oob_types = tuple(oob_types)
        self.worst_case_seconds = 2 * power_seconds
        self._power_seconds = power_seconds
        self._access = RoomAccess(url=url, room=room, config=config, folder=folder)

    async def check(self) -> None:
        await self._access.port().catalogue()

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        machine = await self._access.port().bmc_boot(card_of(node), "network")
        if machine.next_boot != "network":
            raise DriverTransient(f"{node.name}: next boot reads {machine.next_boot}")
        await voice.say(f"{node.name}: the next start of {machine.id} is a network boot")

    async def power_state(self, node: Node) -> PowerState:
        return (await self._access.port().bmc_power(card_of(node))).power

    async def power_off(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.OFF, voice)

    async def power_on(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.ON, voice)

    async def _switch(self, node: Node, wanted: PowerState, voice: Voice) -> None:
        port = self._access.port()
        machine = await port.bmc_power(card_of(node), wanted)
        try:
            async with asyncio.timeout(self._power_seconds):
                while machine.power is not wanted:
                    machine = await port.changed(machine.id, machine.revision)
        except TimeoutError:
            raise DriverTransient(
                f"{node.name}: still {machine.power} {self._power_seconds:g} s after it was "
                f"told to go {wanted}"
            ) from None
        await voice.say(f"{node.name}: power is {wanted}")

    async def close(self) -> None:
        await self._access.close()


DRIVER = FakeOob
