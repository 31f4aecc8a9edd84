"""Out-of-band control of BMCs that speak Redfish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drydockd.drivers.base import BmcFacts, PowerState, Voice
from drydockd.drivers.oob.locks import BmcLocks
from drydockd.drivers.oob.redfish import boot
from drydockd.drivers.oob.redfish.conversation import Conversation
from drydockd.drivers.oob.redfish.facts import collect
from drydockd.drivers.oob.redfish.lost import LostLogins
from drydockd.drivers.oob.redfish.older import end_lost, end_session
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.pace import Pace
from drydockd.drivers.oob.redfish.power import Switching, settled
from drydockd.drivers.oob.redfish.systems import System, find_system
from drydockd.drivers.oob.redfish.target import Target, target_of
from drydockd.drivers.oob.redfish.tls import TlsContexts
from drydockd.drivers.oob.redfish.turns import Turns
from drydockd.drivers.oob.redfish.wire import Wire
from drydockd.errors import DriverTransient
from drydockd.site import Node


class RedfishOob:
    """An OobDriver for nodes of type ``redfish``.

    Every call has one deadline: `options.ask_seconds`, five slow answers, and for the power
    `options.change_seconds` more. So the worst case of a power cycle is that of off, boot device
    and on: 3 x (5 x (connect + read) + closing) + 2 x looks x interval. Within its deadline a
    call repeats what may be repeated itself. Source: contract, oob-faults, A, C and D.
    """

    oob_types: tuple[str, ...] = ("redfish",)

    def __init__(
        self,
        options: RedfishOptions,
        *,
        pace: Pace | None = None,
        locks: BmcLocks | None = None,
    ) -> None:
        self._options = options
        self._pace = pace or Pace()
        self._locks = locks or BmcLocks()
        self._turns = Turns()
        self._lost = LostLogins()
        self._contexts = TlsContexts(options)
        self.ask_seconds = options.ask_seconds + self._pace.closing
        self.worst_case_seconds = 3 * self.ask_seconds + 2 * options.change_seconds

    async def check(self) -> None:
        """Needs nothing but the BMCs; its CA file was read when it was made."""

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        async with self._operation(node, voice) as (bmc, system):
            wish = boot.network_boot(system.boot, bmc.target.boot_mode)
            if wish.enabled == "Continuous":
                await voice.say(
                    f"{node.name}: the BMC knows no override for one start, so it is set for all "
                    "until it is taken back"
                )
            await self._set_boot(bmc, system, wish, voice)

    async def set_disk_boot(self, node: Node, voice: Voice) -> None:
        async with self._operation(node, voice) as (bmc, system):
            wish = boot.disk_boot(system.boot, bmc.target.boot_mode)
            await self._set_boot(bmc, system, wish, voice)

    async def _set_boot(
        self, bmc: Conversation, system: System, wish: boot.Wish, voice: Voice
    ) -> None:
        was_sent = await boot.set_boot(bmc, system, wish)
        already = "" if was_sent else " already"
        what = "without an override" if wish.enabled == "Disabled" else f"a {wish.device} boot"
        await voice.say(f"{bmc.target.node}: the next start is{already} {what}")

    async def facts(self, node: Node) -> BmcFacts:
        async with self._operation(node) as (bmc, system):
            return await collect(bmc, system)

    async def power_state(self, node: Node) -> PowerState:
        """A machine on its way is watched for a moment, then it is UNKNOWN."""
        async with self._operation(node) as (bmc, system):
            interval = self._options.power_state_change_retry_interval
            return (await settled(bmc, system, interval)).power

    async def power_off(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.OFF, voice)

    async def power_on(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.ON, voice)

    async def _switch(self, node: Node, wanted: PowerState, voice: Voice) -> None:
        async with self._operation(node, voice, more_seconds=self._options.change_seconds) as (
            bmc,
            system,
        ):
            was_sent = await Switching(
                bmc,
                system,
                wanted,
                voice,
                change_seconds=self._options.change_seconds,
                interval=self._options.power_state_change_retry_interval,
            ).run()
        await voice.say(f"{node.name}: power is {'' if was_sent else 'already '}{wanted}")

    async def end_session(self, node: Node, session: str, voice: Voice) -> None:
        async with self._login(node) as bmc:
            text = await end_session(bmc, session)
        await voice.say(f"{node.name}: {text}")

    async def close(self) -> None:
        """Holds nothing: every call closes what it opened."""

    @asynccontextmanager
    async def _operation(
        self, node: Node, voice: Voice | None = None, *, more_seconds: float = 0.0
    ) -> AsyncIterator[tuple[Conversation, System]]:
        """Log in at the node's BMC and find its system; log out at the end."""
        async with self._login(node, voice, more_seconds=more_seconds) as bmc:
            yield bmc, await find_system(bmc)

    @asynccontextmanager
    async def _login(
        self, node: Node, voice: Voice | None = None, *, more_seconds: float = 0.0
    ) -> AsyncIterator[Conversation]:
        """Log in at the node's BMC; log out at the end, whatever happens.

        Nobody else talks to the BMC meanwhile. All of it, the wait for the BMC's turn too, has
        one deadline.
        """
        target = target_of(node, self._options)
        seconds = self._options.ask_seconds + more_seconds
        bmc: Conversation | None = None
        try:
            async with self._deadline(seconds), self._locks.hold(target.origin):
                bmc = await self._conversation(target, voice)
                try:
                    await bmc.begin()
                    await end_lost(bmc, self._lost)
                    yield bmc
                except BaseException:
                    bmc.hurry()
                    raise
                finally:
                    await bmc.end()
        except TimeoutError:
            raise DriverTransient(_too_late(target, seconds, bmc)) from None
        except asyncio.CancelledError as cut:
            if bmc is None or bmc.trouble:
                seen = bmc.trouble if bmc else "another call holds it"
                cut.add_note(f"{target.node}: BMC {target.place}: {seen}")
            raise

    def _deadline(self, seconds: float) -> asyncio.Timeout:
        return asyncio.timeout(seconds)

    async def _conversation(self, target: Target, voice: Voice | None) -> Conversation:
        is_tls = target.scheme == "https"
        context = await self._contexts.get(target.verify, target.fingerprint) if is_tls else None
        wire = Wire(target, self._options, context, self._turns)
        return Conversation(target, self._options, self._pace, wire, voice, self._lost)


def _too_late(target: Target, seconds: float, bmc: Conversation | None) -> str:
    who = f"{target.node}: BMC {target.place}"
    if bmc is None:
        return (
            f"{who}: another call held it for {seconds:g} s; see what the other task does with it"
        )
    last = f"; last seen: {bmc.trouble}" if bmc.trouble else ""
    return f"{who}: not done within {seconds:g} s{last}; check the BMC and the network to it"
