"""Out-of-band control by a person: says what to do, gives time for it, trusts it was done."""

from __future__ import annotations

import asyncio

from drydockd import acting
from drydockd.drivers.base import BmcFacts, PowerState, Voice
from drydockd.drivers.options import Offer, Options, opt
from drydockd.site import Node


class ManualOptions(Options):
    wait: float = opt(60.0, "Seconds that a person gets for each action", ge=0, le=86400)


class ManualOob:
    """An OobDriver for nodes of type ``manual``."""

    oob_types: tuple[str, ...] = ("manual",)

    def __init__(self, options: ManualOptions) -> None:
        self._wait = options.wait
        self.ask_seconds = options.wait
        # Of a power cycle: off, boot device, on.
        self.worst_case_seconds = 3 * options.wait

    async def check(self) -> None:
        """Needs nothing."""

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        await self._ask(node, voice, "set the boot device of the next start to network (PXE)")

    async def set_disk_boot(self, node: Node, voice: Voice) -> None:
        await self._ask(node, voice, "set the boot device of the next start to disk")

    async def facts(self, node: Node) -> BmcFacts:
        """Nobody can be asked: nothing, at once."""
        return BmcFacts("manual", PowerState.UNKNOWN)

    async def power_state(self, node: Node) -> PowerState:
        """Nobody can be asked: unknown, at once."""
        return PowerState.UNKNOWN

    async def power_off(self, node: Node, voice: Voice) -> None:
        await self._ask(node, voice, "switch the power off")

    async def power_on(self, node: Node, voice: Voice) -> None:
        await self._ask(node, voice, "switch the power on")

    async def _ask(self, node: Node, voice: Voice, what: str) -> None:
        await acting.may_act()
        await voice.say(f"{node.name}: please {what}; going on in {self._wait:g} s")
        await asyncio.sleep(self._wait)

    async def close(self) -> None:
        """Holds nothing."""


DRIVER = Offer(
    ManualOob,
    ManualOptions,
    "manual_driver",
    "a person: says which action it expects, waits, goes on",
)
