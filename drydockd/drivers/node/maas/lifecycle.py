"""A machine's life in MAAS: commissioned, released, wiped, forgotten; each joined if it runs.

Every act is read back: what was begun before a crash, or by an answer that got lost, is found by
the machine's status and waited for. Source: contract, maas, sections 3 and 6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from drydockd.drivers.base import Handle, Voice
from drydockd.drivers.node.maas import machine as machines
from drydockd.drivers.node.maas.answers import Missing, Taken, Unsure
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.machine import Machine
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.rollcall import RollCall
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from drydockd.machines import NodeState

READY_OR_LATER = (
    NodeState.READY,
    NodeState.DEPLOYING,
    NodeState.DEPLOYED,
    NodeState.FAILED_DEPLOY,
)
TO_COMMISSION = (NodeState.NEW, NodeState.FAILED_COMMISSION)
# Nothing of a deployment is on the disks of such a machine.
NOTHING_TO_WIPE = ("New", "Ready", "Failed commissioning", "Failed testing")
TO_RELEASE = (
    "Allocated",
    "Deploying",
    "Deployed",
    "Failed deployment",
    "Releasing failed",
    "Failed disk erasing",
    "Broken",
)
WIPE: Form = {"erase": True, "quick_erase": True}


class Lifecycle:
    """Moves machines from one status to the next and waits for the end of it.

    What waits has no limit of its own: the caller bounds it.
    """

    def __init__(
        self, client: MaasClient, *, poll_seconds: float, roll: RollCall | None = None
    ) -> None:
        self._client = client
        self.roll = roll or RollCall(client, poll_seconds=poll_seconds)

    async def read(self, sid: str) -> Machine:
        """Raises NodeUnknown: MAAS has no such machine."""
        return await self._told(self.roll.read(sid))

    async def begin(self, sid: str) -> Machine:
        """Return what `find` has just read, else `read`. Raises NodeUnknown."""
        return await self._told(self.roll.begun(sid))

    async def _told(self, document: Awaitable[Mapping[str, Any]]) -> Machine:
        try:
            return machines.read(await document)
        except Missing as error:
            raise NodeUnknown(str(error)) from error

    async def settled(self, machine: Machine, busy: NodeState, voice: Voice) -> Machine:
        """Return the machine once it is no longer `busy`; an outage of MAAS is waited out."""
        told = ""
        while machine.state is busy:
            try:
                machine = await self._told(self.roll.later(machine.sid))
            except DriverTransient as error:
                if str(error) != told:
                    told = str(error)
                    await voice.say(f"{machine.hostname}: {error}; asking again")
        return machine

    async def act(self, machine: Machine, op: str, form: Form) -> Machine:
        """Begin `op`; return the machine as it is then.

        An answer that got lost, or that its state does not allow it, is resolved by reading:
        only if it is still where it was is the error raised.
        """
        try:
            answer = await self._client.post(at("machine", sid=machine.sid), op, form)
        except (Unsure, Taken):
            now = await self.read(machine.sid)
            if now.status == machine.status:
                raise
            return now
        return machines.read(answer) if answer else await self.read(machine.sid)

    async def commissioned(self, handle: Handle, form: Form, voice: Voice) -> Handle:
        """Return when the machine is ready; a running commissioning is joined.

        Raises DriverTransient: it failed; DriverConflict: it is where that cannot be.
        """
        machine = await self.begin(handle.id)
        if machine.state in TO_COMMISSION:
            machine = await self.act(machine, "commission", form)
        if machine.state is NodeState.COMMISSIONING:
            await voice.say(f"{handle.name}: commissioning runs on {machine.sid}")
            machine = await self.settled(machine, NodeState.COMMISSIONING, voice)
        if machine.state in READY_OR_LATER:
            return machine.handle(handle.power_address)
        raise trouble(machine, "commissioning", NodeState.FAILED_COMMISSION)

    async def released(self, machine: Machine, form: Form, voice: Voice) -> Machine:
        """Return when the machine is free again; a running release is joined.

        Raises DriverTransient: it failed; the machine is kept as it is.
        """
        if machine.status in TO_RELEASE:
            machine = await self.act(machine, "release", form)
        machine = await self.settled(machine, NodeState.RELEASING, voice)
        if machine.status in NOTHING_TO_WIPE:
            return machine
        raise trouble(machine, "release", NodeState.FAILED_RELEASE)

    async def ready_again(self, machine: Machine, voice: Voice) -> Machine:
        """Return the machine ready or allocated: one whose deployment failed is released first.

        Its networks and disks stay as they were written. Raises DriverConflict elsewhere.
        """
        if machine.state in (NodeState.FAILED_DEPLOY, NodeState.RELEASING):
            machine = await self.released(machine, {}, voice)
        if machine.state is NodeState.READY:
            return machine
        raise DriverConflict(f"{machine}: cannot be configured, it is {machine.status}")

    async def destroyed(self, sid: str, voice: Voice) -> None:
        """Return when the machine is wiped and MAAS has forgotten it; deleted only once wiped.

        Raises DriverTransient: the wipe failed; DriverConflict: it is none of ours. Either way
        the machine is kept.
        """
        try:
            machine = await self.read(sid)
            if machine.status not in NOTHING_TO_WIPE:
                if machine.status not in TO_RELEASE and machine.state is not NodeState.RELEASING:
                    raise DriverConflict(f"{machine}: cannot be wiped, it is {machine.status}")
                await voice.say(f"{machine.hostname}: wiping {machine.sid}")
                await self.released(machine, WIPE, voice)
        except NodeUnknown:
            return
        await self._client.delete(at("machine", sid=sid))


def trouble(machine: Machine, work: str, failed: NodeState) -> DriverTransient | DriverConflict:
    """Return why `work` did not end well: it failed (worth another try), or somebody else came."""
    if machine.state is failed:
        reason = machine.message or "MAAS gives no reason"
        return DriverTransient(f"{machine}: {work} failed, it is {machine.status}: {reason}")
    return DriverConflict(f"{machine}: {work} was overtaken, it is {machine.status}")
