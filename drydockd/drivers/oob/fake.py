"""Out-of-band control of the virtual machine room: every OOB type of a design will do."""

from __future__ import annotations

import asyncio

from drydockd.drivers.base import BmcFacts, PowerState, Voice
from drydockd.drivers.fake import SECTION, FakeOptions, access
from drydockd.drivers.options import Offer
from drydockd.errors import DriverTransient
from drydockd.room.card import card_of
from drydockd.room.room import Room
from drydockd.site import Node


class FakeOob:
    """An OobDriver for `room`, if one is given, or for the room of the options."""

    def __init__(self, options: FakeOptions | None = None, *, room: Room | None = None) -> None:
        options = options or FakeOptions()
        self.oob_types = options.oob_types
        self.ask_seconds = options.power_seconds
        self.worst_case_seconds = 2 * options.power_seconds
        self._power_seconds = options.power_seconds
        self._access = access(options, room)

    async def check(self) -> None:
        await self._access.port().catalogue()

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        await self._set_boot(node, "network", voice)

    async def set_disk_boot(self, node: Node, voice: Voice) -> None:
        await self._set_boot(node, "disk", voice)

    async def _set_boot(self, node: Node, device: str, voice: Voice) -> None:
        machine = await self._access.port().bmc_boot(card_of(node), device)
        if machine.next_boot != device:
            raise DriverTransient(f"{node.name}: next boot reads {machine.next_boot}")
        await voice.say(f"{node.name}: the next start of {machine.id} is a {device} boot")

    async def facts(self, node: Node) -> BmcFacts:
        return await self._access.port().bmc_facts(card_of(node))

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


DRIVER = Offer(
    FakeOob,
    FakeOptions,
    SECTION,
    "the BMCs of the virtual machine room, for every oob.type",
)
