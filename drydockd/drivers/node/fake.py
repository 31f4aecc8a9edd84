"""The node provisioner of the virtual machine room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from drydockd.drivers.base import (
    Handle,
    Installed,
    Inventory,
    Log,
    NodeRow,
    NodeState,
    SiteNote,
    Voice,
)
from drydockd.drivers.fake import SECTION, FakeOptions, access
from drydockd.drivers.options import Offer
from drydockd.errors import DriverConflict, DriverTransient
from drydockd.machines import STATUS_NAMES
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.room.card import MachineView, card_of
from drydockd.room.fitness import CAPABILITIES
from drydockd.room.port import RoomPort
from drydockd.room.room import Room
from drydockd.site import Catalogue, Network, NetworkLink, Node, Repository

COMMISSIONED = (
    NodeState.READY,
    NodeState.DEPLOYING,
    NodeState.DEPLOYED,
    NodeState.FAILED_DEPLOY,
)


class FakeNodeProvisioner:
    """A NodeProvisioner for `room`, if one is given, or for the room of the options."""

    boot_reserve = 0
    cuts_power = False

    def __init__(self, options: FakeOptions | None = None, *, room: Room | None = None) -> None:
        options = options or FakeOptions()
        self.discovers = options.discovers
        self._access = access(options, room)

    @property
    def _port(self) -> RoomPort:
        return self._access.port()

    async def check(self) -> Sequence[SiteNote]:
        machines = await self._port.count()
        images = await self._port.catalogue()
        return [
            SiteNote(f"the room answers: {machines} machines, {len(images)} images"),
        ]

    async def catalogue(self) -> Catalogue:
        return Catalogue(await self._port.catalogue())

    async def capabilities(self) -> frozenset[str]:
        return CAPABILITIES

    async def apply_site_network(
        self, links: Mapping[str, NetworkLink], networks: Mapping[str, Network]
    ) -> Sequence[SiteNote]:
        await self._port.keep("link", {name: _text(link) for name, link in links.items()})
        entries = {name: _text(network) for name, network in networks.items()}
        verdicts = await self._port.keep("network", entries)
        return [
            SiteNote(f"network {name}: {verdict}", context_type="network", context=name)
            for name, verdict in verdicts.items()
        ]

    async def apply_keys(self, keys: Sequence[str]) -> Sequence[SiteNote]:
        verdicts = await self._port.keep("key", {key: key for key in keys})
        new = sum(verdict == "created" for verdict in verdicts.values())
        return [SiteNote(f"{len(keys)} authorized keys, {new} of them new")]

    async def apply_repositories(
        self, repositories: Sequence[Repository], *, remove_unlisted: bool
    ) -> Sequence[SiteNote]:
        entries = {r.name: _text(r) for r in repositories}
        verdicts = await self._port.keep("repository", entries, remove_unlisted)
        return [SiteNote(f"repository {name}: {verdict}") for name, verdict in verdicts.items()]

    async def find(self, node: Node) -> Handle:
        return _handle(await self._port.find(card_of(node)))

    async def adopt(self, handle: Handle | None, node: Node) -> Handle:
        if handle is None:
            return _handle(await self._port.enrol(card_of(node)))
        return _handle(await self._port.adopt(handle.id, card_of(node)))

    async def commission(self, handle: Handle, voice: Voice) -> Handle:
        machine = await self._port.commission(handle.id)
        if machine.state is NodeState.COMMISSIONING:
            await voice.say(f"{handle.name}: commissioning runs on {machine.id}")
            machine = await self._settled(machine, NodeState.COMMISSIONING)
        if machine.state in COMMISSIONED:
            return _handle(machine)
        raise _trouble(machine, "commissioning", NodeState.FAILED_COMMISSION)

    async def inventory(self, handle: Handle) -> Inventory:
        return Inventory(tuple(await self._port.inventory(handle.id)))

    async def installed(self, node: Node) -> Installed | None:
        return await self._port.installed(card_of(node))

    async def logs(self, handle: Handle, phase: str) -> Sequence[Log]:
        return await self._port.logs(handle.id, phase)

    async def apply_network(self, handle: Handle, plan: NetworkPlan) -> None:
        await self._port.apply_network(handle.id, plan)

    async def apply_storage(self, handle: Handle, plan: StoragePlan) -> None:
        await self._port.apply_storage(handle.id, plan)

    async def apply_platform(self, handle: Handle, plan: PlatformPlan) -> None:
        await self._port.apply_platform(handle.id, plan)

    async def deploy(self, handle: Handle, spec: DeploySpec, voice: Voice) -> Handle:
        machine = await self._port.deploy(handle.id, spec)
        if machine.state is NodeState.DEPLOYING:
            await voice.say(f"{handle.name}: deploying {spec.image} on {machine.id}")
            machine = await self._settled(machine, NodeState.DEPLOYING)
        if machine.state is NodeState.DEPLOYED:
            return _handle(machine)
        raise _trouble(machine, "deployment", NodeState.FAILED_DEPLOY)

    async def destroy(self, node: Node, voice: Voice) -> None:
        machine = await self._port.destroy(card_of(node))
        if machine is None:
            await voice.say(f"{node.name}: the provisioner does not know it, nothing to wipe")
            return
        await voice.say(f"{node.name}: wiping {machine.id}")
        machine = await self._settled(machine, NodeState.RELEASING)
        if machine.state is not None:
            raise _trouble(machine, "release", NodeState.FAILED_RELEASE)

    async def list_nodes(self) -> Sequence[NodeRow]:
        machines = await self._port.machines()
        return [_row(m, m.state) for m in machines if m.state is not None]

    async def close(self) -> None:
        await self._access.close()

    async def _settled(self, machine: MachineView, busy: NodeState) -> MachineView:
        """Wait until the machine leaves `busy`; the caller bounds it."""
        while machine.state is busy:
            machine = await self._port.changed(machine.id, machine.revision)
        return machine


def _handle(machine: MachineView) -> Handle:
    if machine.state is None:
        raise DriverConflict(f"{machine.id}: the provisioner forgot it meanwhile")
    return Handle(
        id=machine.id,
        name=machine.name or machine.id,
        state=machine.state,
        boot_mac=machine.boot_mac,
        boot_ip=machine.boot_ip,
        power_address=machine.bmc,
        kind=machine.kind,
        deployment_id=machine.deployment_id,
    )


def _row(machine: MachineView, state: NodeState) -> NodeRow:
    return NodeRow(
        hostname=machine.name or machine.id,
        memory=machine.memory_mib,
        cpu_count=machine.cpus,
        status_name=STATUS_NAMES[state],
        boot_mac=machine.boot_mac,
        boot_ip=machine.boot_ip,
        power_state=machine.power.value,
        power_address=machine.bmc,
    )


def _trouble(
    machine: MachineView, work: str, failed: NodeState
) -> DriverTransient | DriverConflict:
    """Why the work did not end well: it failed (worth another try), or something else came."""
    who = f"{machine.name or machine.id} ({machine.id})"
    if machine.state is failed:
        return DriverTransient(f"{who}: {work} failed: {machine.reason or 'no reason given'}")
    return DriverConflict(f"{who}: {work} was overtaken, it is {machine.state or 'forgotten'}")


def _text(value: Any) -> str:
    return orjson.dumps(asdict(value), option=orjson.OPT_SORT_KEYS).decode()


DRIVER = Offer(
    FakeNodeProvisioner,
    FakeOptions,
    SECTION,
    "the provisioner of the virtual machine room",
    is_virtual=True,
)
