"""The NodeProvisioner of an Ironic: what each call of the interface is there.

Nothing is kept here: plans, the deployment's id and what else is ours stand in Ironic's own node,
under ``extra/drydock``, so that a daemon that is started anew finds all of it.
Source: contract, ironic, and node-provisioner, section 2.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence

from drydockd.drivers.base import (
    Discovery,
    Handle,
    Inventory,
    Log,
    NodeRow,
    NodeState,
    SiteNote,
    Voice,
)
from drydockd.drivers.node.ironic.access import access_of
from drydockd.drivers.node.ironic.client import IronicClient, Taken
from drydockd.drivers.node.ironic.desk import Desk, put
from drydockd.drivers.node.ironic.desk import marked as marked_with
from drydockd.drivers.node.ironic.enrolment import boot_mode, enrolled
from drydockd.drivers.node.ironic.inventory import converted
from drydockd.drivers.node.ironic.networkdata import network_data
from drydockd.drivers.node.ironic.nodes import MARK, IronicNode
from drydockd.drivers.node.ironic.options import IronicOptions
from drydockd.drivers.node.ironic.refusals import check_node, check_platform, check_storage
from drydockd.drivers.node.ironic.work import Work
from drydockd.errors import (
    DriverConflict,
    DriverError,
    InvalidInput,
    NodeUnknown,
)
from drydockd.machines import canonical_mac
from drydockd.plans import DeploySpec, DeviceName, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.site import Catalogue, Network, NetworkLink, Node, Repository

GIB = 1 << 30
CAPABILITIES = frozenset(
    {
        "bond.802.3ad",
        "bond.active-backup",
        "bond.balance-rr",
        "vlan",
        "boot.uefi",
        "boot.bios",
        "wipe.quick",
        "wipe.full",
    }
)
# Changed only by a destroy.
UNTOUCHED = (NodeState.DEPLOYED, NodeState.DEPLOYING)
PLANNABLE = (NodeState.READY, NodeState.FAILED_DEPLOY)
NOT_ITS = "not done by Ironic"


class IronicProvisioner:
    """A NodeProvisioner; makes no connection before its first call."""

    boot_reserve = 0
    cuts_power = False

    def __init__(self, options: IronicOptions) -> None:
        self.discovers = Discovery.ENROL if options.enroll else Discovery.NETBOOT
        self._options = options
        self._access = access_of(options)
        client = IronicClient(
            self._access, seconds=options.request_seconds, context=_context(options)
        )
        self._desk = Desk(client)
        self._work = Work(self._desk, options, self._look)
        self._owner: str | None = None

    async def check(self) -> Sequence[SiteNote]:
        try:
            version = await self._desk.client.version()
            drivers = await self._desk.drivers()
            conductors = await self._desk.conductors()
        except DriverError as error:
            return [SiteNote(f"ironic: {error}", error=True)]
        notes = [SiteNote(f"Ironic answers; API {version} is spoken")]
        alive = sorted(name for name, is_alive in conductors.items() if is_alive)
        notes.append(
            SiteNote(f"conductors alive: {', '.join(alive)}")
            if alive
            else SiteNote("no conductor is alive: Ironic can do nothing with any node", error=True)
        )
        wanted = set(self._options.hardware_types.values()) if self._options.enroll else set()
        if missing := sorted(wanted - drivers.keys()):
            text = (
                f"no conductor offers {', '.join(missing)} (there are: "
                f"{', '.join(sorted(drivers)) or 'none'}); see ironic_driver.hardware_types and "
                "enabled_hardware_types of the conductors"
            )
            notes.append(SiteNote(text, error=True))
        return notes

    async def catalogue(self) -> Catalogue:
        return Catalogue({name: image.kernels for name, image in self._options.images.items()})

    async def capabilities(self) -> frozenset[str]:
        return CAPABILITIES

    async def apply_site_network(
        self, links: Mapping[str, NetworkLink], networks: Mapping[str, Network]
    ) -> Sequence[SiteNote]:
        text = f"{NOT_ITS}; nodes get their network with their configdrive"
        return [
            SiteNote(f"network {name}: {text}", context_type="network", context=name)
            for name in networks
        ]

    async def apply_keys(self, keys: Sequence[str]) -> Sequence[SiteNote]:
        return [SiteNote(f"{len(keys)} authorized keys: nodes get them with their configdrive")]

    async def apply_repositories(
        self, repositories: Sequence[Repository], *, remove_unlisted: bool
    ) -> Sequence[SiteNote]:
        return [SiteNote(f"repository {entry.name}: {NOT_ITS}") for entry in repositories]

    async def find(self, node: Node) -> Handle:
        found = await self._found(node)
        return found.handle(await self._ours(), node.boot_mac)

    async def adopt(self, handle: Handle | None, node: Node) -> Handle:
        """Refuses, before anything is wiped, a design that an image cannot be."""
        check_node(node, self._options)
        if handle is None:
            found = await self._enrol(node)
        else:
            found = await self._look(handle.id, node.name)
        await self._identify(found, node)
        if found.is_at_rest:
            found = await self._name(found, node)
        return found.handle(await self._ours(), node.boot_mac)

    async def commission(self, handle: Handle, voice: Voice) -> Handle:
        node = await self._work.commission(handle.id, handle.name, voice)
        return node.handle(await self._ours(), handle.boot_mac)

    async def inventory(self, handle: Handle) -> Inventory:
        try:
            return converted(await self._desk.inventory(handle.id, handle.name))
        except NodeUnknown as error:
            raise NodeUnknown(
                f"{handle.name}: Ironic has no inventory of it, as it was not inspected; bring it "
                f"back to manageable and run prepare_nodes ({error})"
            ) from error

    async def logs(self, handle: Handle, phase: str) -> Sequence[Log]:
        if phase == "testing":
            return []
        events = await self._desk.history(handle.id, handle.name)
        lines = [line for is_deployment, line in events if is_deployment is (phase == "deploy")]
        return [Log(phase, "history", "\n".join(lines))] if lines else []

    async def apply_network(self, handle: Handle, plan: NetworkPlan) -> None:
        document = network_data(plan, handle.name)
        await self._plan(handle, network=document)

    async def apply_storage(self, handle: Handle, plan: StoragePlan) -> None:
        disk = check_storage(plan, handle.name)
        size = disk.size_bytes // GIB
        await self._plan(handle, root_device=_hints(disk.device), root_gb=size)

    async def apply_platform(self, handle: Handle, plan: PlatformPlan) -> None:
        check_platform(plan, self._options, handle.name)
        node = await self._plan(handle, kernel_params=plan.kernel_params.strip() or None)
        if node is None:
            return
        wanted = sorted({_trait(tag) for tag in plan.static_tags})
        ours = list(node.mark.get("traits", ()))
        if wanted != ours:
            # Known as ours before they are, so that none outlives us.
            node = await self._desk.mark(node, traits=sorted({*wanted, *ours}))
            for trait in set(ours) - set(wanted):
                await self._desk.drop_trait(node, trait)
            for trait in set(wanted) - set(ours):
                await self._desk.set_trait(node, trait)
            await self._desk.mark(node, traits=wanted or None)

    async def deploy(self, handle: Handle, spec: DeploySpec, voice: Voice) -> Handle:
        node = await self._work.deploy(handle.id, handle.name, spec, voice)
        return node.handle(await self._ours(), handle.boot_mac)

    async def destroy(self, node: Node, voice: Voice) -> None:
        try:
            found = await self._found(node)
        except NodeUnknown:
            await voice.say(f"{node.name}: Ironic does not know it, nothing to wipe")
            return
        try:
            await self._work.release(found, voice)
        except NodeUnknown:
            await voice.say(f"{node.name}: Ironic forgot it meanwhile")

    async def list_nodes(self) -> Sequence[NodeRow]:
        ours, macs = await self._ours(), await self._desk.boot_macs()
        return [node.row(ours, macs.get(node.id)) for node in await self._desk.nodes()]

    async def close(self) -> None:
        await self._desk.client.close()

    async def _ours(self) -> frozenset[str]:
        """Return the owners whose nodes are ours: that of the options, and our own project."""
        if self._owner is None:
            self._owner = await self._access.owner() or ""
        return frozenset(name for name in (self._options.owner, self._owner) if name)

    async def _found(self, node: Node) -> IronicNode:
        try:
            return await self._desk.node(node.name, node.name)
        except NodeUnknown:
            if not node.boot_mac:
                raise
            return await self._desk.node_with_mac(node.boot_mac, node.name)

    async def _look(self, key: str, who: str) -> IronicNode:
        """Return a node that we may touch. Raises DriverConflict: why we may not."""
        node = await self._desk.node(key, who)
        if reason := node.foreign(await self._ours()):
            raise DriverConflict(f"{who}: Ironic's node {node.id} is not touched: {reason}")
        return node

    async def _enrol(self, node: Node) -> IronicNode:
        if not self._options.enroll:
            raise NodeUnknown(
                f"{node.name}: Ironic does not know it, and ironic_driver.enroll is off"
            )
        document = enrolled(node, self._options)
        try:
            return await self._desk.enrol(document, node.name)
        except Taken:
            # An answer of ours that was lost, or somebody who was faster.
            return await self._look(node.name, node.name)

    async def _identify(self, found: IronicNode, node: Node) -> None:
        """Raise DriverConflict if the machine is another one; give a new one its port."""
        mac = canonical_mac(node.boot_mac or "")
        if mac is None:
            return
        macs = await self._desk.macs(found)
        if macs and mac not in macs:
            raise DriverConflict(
                f"{node.name}: its boot_mac is {mac}, Ironic's node {found.id} has the ports "
                f"{', '.join(sorted(macs))}"
            )
        if not macs and found.mark.get("enrolled"):
            try:
                await self._desk.add_port(found, mac)
            except Taken as error:
                raise DriverConflict(
                    f"{node.name}: its boot_mac {mac} is that of another node of Ironic's: {error}"
                ) from error

    async def _name(self, found: IronicNode, node: Node) -> IronicNode:
        """Give the node its name and our mark, where it has others."""
        # Of a deployment that somebody undid; one that is only begun has its instance.
        deployment = found.deployment_id if found.instance else None
        mark = marked_with(
            found,
            name=node.name,
            boot_mode=boot_mode(node),
            deployment_id=deployment,
            releasing=None,
        )
        changes = []
        if found.name != node.name:
            changes.append(put("/name", node.name))
        if mark != found.mark:
            changes.append(put(f"/extra/{MARK}", mark))
        return await self._desk.change(found, *changes) if changes else found

    async def _plan(self, handle: Handle, **values: object) -> IronicNode | None:
        """Keep a plan with the node; None where it is deployed, and so left as it is."""
        node = await self._look(handle.id, handle.name)
        state = node.neutral()
        if state in UNTOUCHED:
            return None
        if state not in PLANNABLE:
            raise DriverConflict(f"{handle.name}: cannot be configured, it is {node.provision}")
        if all(node.mark.get(key) == value for key, value in values.items()):
            return node
        return await self._desk.mark(node, **values)


def _context(options: IronicOptions) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=options.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(f"ca_file {options.ca_file}: {error}") from error


def _hints(device: DeviceName) -> dict[str, str]:
    """Return how Ironic's agent finds the disk. Source: Ironic, "Specifying the disk"."""
    if device.wwn:
        return {"wwn": device.wwn}
    if device.serial:
        return {"serial": device.serial}
    return {"name": f"/dev/{device.name}"}


def _trait(tag: str) -> str:
    """Return the custom trait of a tag. Source: os-traits: CUSTOM_ and [A-Z0-9_], 255 at most."""
    return f"CUSTOM_{re.sub('[^A-Z0-9]', '_', tag.upper())}"[:255]
