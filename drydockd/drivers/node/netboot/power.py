"""A machine's power around an agent: network boot, off, boot from disk; and waiting for what comes.

A stage is stored when its call has returned, so that a restarted daemon knows which half is left.
The power of a machine whose agent is at work is never touched.
Source: contract, netboot, section 3.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from drydockd.drivers.base import OobDriver, PowerState, Voice
from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.boots import Boots
from drydockd.drivers.node.netboot.machine import Machine, Stage
from drydockd.drivers.node.netboot.records import Machines
from drydockd.errors import NodeUnknown
from drydockd.site import Node

# An agent that was told to power off has done so within this; then it is done for it.
OFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; options of the driver.

    `look` is how often a wait looks at its limits when nothing happens, and how often a BMC is
    asked whether its machine is off.
    """

    hello: float
    silent: float
    first_boot: float
    look: float = 5.0


@dataclass(frozen=True, slots=True)
class Work:
    """One agent's work on one machine, as far as the power and the waiting go."""

    machines: Machines
    boots: Boots
    limits: Limits
    node: Node
    oob: OobDriver
    voice: Voice
    clock: Callable[[], float] = time.time

    async def agent(self, mac: str) -> Machine:
        """Start the agent unless it was, and return the machine when it ended, well or not.

        Raises NodeUnknown if the machine was forgotten meanwhile.
        """
        machine = self.machines.needed(mac)
        is_begun = machine.stage in (Stage.BEGUN, Stage.POWERING)
        if is_begun and machine.is_open and not ways.is_fresh(machine, self.clock()):
            await self._learn_identity(machine)
            await self._netboot(mac)
            machine = await self._brought(mac, Stage.NETBOOTED)
        return await self._ended(mac, machine)

    async def _learn_identity(self, machine: Machine) -> None:
        """Keep whom a Redfish BMC says its machine is, where nothing is known: the agent that says
        hello must be on that one. An IPMI BMC tells of its board, not of its machine."""
        if self.node.oob_type != "redfish" or (machine.uuid and machine.serial):
            return
        facts = await self.oob.facts(self.node)

        def told(machine: Machine) -> Machine:
            return replace(
                machine, uuid=machine.uuid or facts.uuid, serial=machine.serial or facts.serial
            )

        await self.machines.change(machine.mac, told)

    async def _netboot(self, mac: str) -> None:
        await self.oob.set_network_boot(self.node, self.voice)
        await self.oob.power_off(self.node, self.voice)
        await self._brought(mac, Stage.POWERING)
        await self.oob.power_on(self.node, self.voice)

    async def off(self, mac: str) -> None:
        """Return when the BMC reads off after the agent's end; forced if it does not by itself."""
        machine = self.machines.needed(mac)
        if machine.stage not in ways.SWITCHED_ON:
            return
        try:
            async with asyncio.timeout(OFF_SECONDS):
                # A BMC tells nothing by itself.
                while await self.oob.power_state(self.node) is PowerState.ON:  # noqa: ASYNC110
                    await asyncio.sleep(self.limits.look)
        except TimeoutError:
            await self.voice.say(f"{self.node.name}: still on after its agent's end, forced off")
        await self.oob.power_off(self.node, self.voice)
        await self._brought(mac, Stage.OFF)

    async def disk_boot(self, mac: str) -> Machine:
        """Start the installed system, and return the machine when it reported or time is up."""
        machine = self.machines.needed(mac)
        if machine.stage is Stage.OFF:
            await self.oob.set_disk_boot(self.node, self.voice)
            await self.oob.power_on(self.node, self.voice)
            machine = await self._brought(mac, Stage.DISK_BOOTED)
            await self.voice.say(f"{self.node.name}: installed, starts from disk")
        while not ways.is_settled(machine):
            left = machine.stage_at + self.limits.first_boot - self.clock()
            if left <= 0:
                reason = (
                    f"installed, but did not report from disk within {self.limits.first_boot:g} s;"
                    f" last seen: {machine.step or 'nothing'}"
                )
                return await self._failed(mac, reason, is_final=True)
            machine = await self._next(mac, machine, min(left, self.limits.look))
        return machine

    async def _ended(self, mac: str, machine: Machine) -> Machine:
        told, was_silent = machine.step, False
        while machine.is_open:
            now = self.clock()
            if machine.nonce is None and now > machine.stage_at + self.limits.hello:
                return await self._failed(mac, self._no_agent(machine))
            is_silent = machine.nonce is not None and now - machine.seen > self.limits.silent
            if is_silent and not was_silent:
                await self.voice.say(
                    f"{self.node.name}: its agent is silent since {now - machine.seen:.0f} s, "
                    f"last step: {machine.step}",
                    error=True,
                )
            was_silent = is_silent
            if _name(machine.step) != _name(told):
                told = machine.step
                await self.voice.say(f"{self.node.name}: {told}")
            machine = await self._next(mac, machine, self.limits.look)
        return machine

    def _no_agent(self, machine: Machine) -> str:
        return (
            f"no agent said hello within {self.limits.hello:g} s of the power-on; last step: "
            f"{machine.step or 'none'}. Does its firmware start from the network, on the NIC "
            f"{machine.mac}? See the serial console and the DHCP server's log"
        )

    async def _next(self, mac: str, known: Machine, seconds: float) -> Machine:
        machine = await self.machines.changed(mac, known, seconds)
        for note in self.boots.take_notes(mac):
            await self.voice.say(f"{self.node.name}: {note}", error=True)
        if machine is None:
            raise NodeUnknown(f"{self.node.name}: netboot forgot {mac} meanwhile")
        return machine

    async def _brought(self, mac: str, stage: Stage) -> Machine:
        now = self.clock()
        return await self.machines.change(mac, lambda machine: ways.brought(machine, stage, now))

    async def _failed(self, mac: str, reason: str, *, is_final: bool = False) -> Machine:
        def way(machine: Machine) -> Machine:
            if ways.is_settled(machine):
                return machine  # what came between the look and the lock decides
            return ways.failed(machine, reason, is_final=is_final)

        return await self.machines.change(mac, way)


def _name(step: str) -> str:
    """The step without its percentage: progress is told once per step."""
    return step.partition(" ")[0]
