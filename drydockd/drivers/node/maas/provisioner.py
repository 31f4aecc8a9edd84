"""The NodeProvisioner over MAAS: each call is one of the parts beside this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from drydockd.drivers.base import (
    Discovery,
    Handle,
    Inventory,
    Log,
    NodeRow,
    NodeState,
    SiteNote,
    Surroundings,
    Voice,
)
from drydockd.drivers.node.maas import (
    access,
    images,
    learnt,
    networking,
    platform,
    sitenetwork,
    storage,
    tags,
)
from drydockd.drivers.node.maas import machine as machines
from drydockd.drivers.node.maas.account import Account
from drydockd.drivers.node.maas.adoption import Adopter
from drydockd.drivers.node.maas.checking import Checker
from drydockd.drivers.node.maas.client import Form, MaasClient
from drydockd.drivers.node.maas.deployment import Deployer
from drydockd.drivers.node.maas.finding import Finder, PowerAddresses
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.machine import INFRASTRUCTURE
from drydockd.drivers.node.maas.options import MaasOptions
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.records import Records
from drydockd.drivers.node.maas.rollcall import RollCall
from drydockd.drivers.node.maas.survey import Survey
from drydockd.drivers.node.maas.taglist import TagList
from drydockd.errors import DriverConflict, NodeUnknown
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.site import Catalogue, Network, NetworkLink, Node, Repository

MIB = 1 << 20
# What MAAS puts on a boot disk itself: an EFI system partition, bios_grub or PReP, and GPT.
BOOT_RESERVE = 528 * MIB
CAPABILITIES = frozenset(
    {
        "bond.802.3ad",
        "bond.active-backup",
        "bond.balance-rr",
        "vlan",
        "lvm.root",
        "storage.boot_on_other_disk",
        "fs.label",
        "fs.uuid",
        "part.uuid",
        "boot.uefi",
        "boot.bios",
        "dhcp.relay",
        "repo.apt",
        "wipe.quick",
    }
)


class MaasProvisioner:
    """A NodeProvisioner; see base for the calls. A handle's id is MAAS' system id."""

    discovers = Discovery.NETBOOT
    cuts_power = False
    boot_reserve = BOOT_RESERVE

    def __init__(self, options: MaasOptions, *, client: MaasClient | None = None) -> None:
        self._options = options
        self._client = client or MaasClient(options)
        self._powers = PowerAddresses(self._client, seconds=options.poll_interval)
        self._roll = RollCall(self._client, poll_seconds=options.poll_interval)
        self._finder = Finder(self._client, self._powers, self._roll)
        self._life = Lifecycle(self._client, poll_seconds=options.poll_interval, roll=self._roll)
        self._account = Account(self._client)
        self._survey = Survey(self._client, seconds=options.poll_interval)
        self._taglist = TagList(self._client, seconds=options.poll_interval)
        self._deployer = Deployer(self._client, self._life, self._account, self._taglist)
        self._adopter = Adopter(self._client, self._life, with_power=options.use_node_oob_params)
        self._details = learnt.Details(self._client)
        self._records = Records()

    # -- life

    async def start(self, surroundings: Surroundings) -> None:
        self._records = Records(surroundings.shelf)

    async def close(self) -> None:
        self._roll.close()
        await self._client.close()

    # -- the site

    async def check(self) -> Sequence[SiteNote]:
        return await Checker(self._client, self._account).check()

    async def catalogue(self) -> Catalogue:
        return Catalogue(images.offered(await images.resources(self._client)))

    async def capabilities(self) -> frozenset[str]:
        return CAPABILITIES

    async def apply_site_network(
        self, links: Mapping[str, NetworkLink], networks: Mapping[str, Network]
    ) -> Sequence[SiteNote]:
        return await sitenetwork.apply(self._client, self._records, links, networks)

    async def apply_keys(self, keys: Sequence[str]) -> Sequence[SiteNote]:
        return await access.apply_keys(self._client, self._records, keys)

    async def apply_repositories(
        self, repositories: Sequence[Repository], *, remove_unlisted: bool
    ) -> Sequence[SiteNote]:
        return await access.apply_repositories(
            self._client, self._records, repositories, remove_unlisted=remove_unlisted
        )

    async def list_nodes(self) -> Sequence[NodeRow]:
        powers = await self._powers.of()
        answer = await self._client.get(at("machines"))
        found = [machines.read(document) for document in answer]
        return [machine.row(powers.get(machine.sid)) for machine in found]

    # -- knowing a node

    async def find(self, node: Node) -> Handle:
        return (await self._finder.find(node, self._domain(node))).handle()

    async def adopt(self, handle: Handle | None, node: Node) -> Handle:
        if handle is None:
            raise DriverConflict(f"{node.name}: MAAS enlists machines itself, once they boot")
        if handle.kind == INFRASTRUCTURE:
            return handle
        return (await self._adopter.adopt(handle, node, self._domain(node))).handle()

    def _domain(self, node: Node) -> str | None:
        """The domain of the node's primary network, as prepare_site wrote it; None: unknown."""
        return self._records.domain_of(node.primary_network)

    # -- a node's way

    async def commission(self, handle: Handle, voice: Voice) -> Handle:
        form: Form = {
            "enable_ssh": 0,
            "skip_bmc_config": int(self._options.skip_bmc_config),
            "testing_scripts": self._options.testing_scripts or None,
        }
        return await self._life.commissioned(handle, form, voice)

    async def inventory(self, handle: Handle) -> Inventory:
        number = self._roll.commissioning(handle.id)
        return await self._details.inventory(handle, number)

    async def logs(self, handle: Handle, phase: str) -> Sequence[Log]:
        return await learnt.logs(self._client, handle, phase)

    async def apply_network(self, handle: Handle, plan: NetworkPlan) -> None:
        await networking.apply_network(
            self._client, handle, plan, life=self._life, survey=self._survey
        )

    async def apply_storage(self, handle: Handle, plan: StoragePlan) -> None:
        await storage.apply_storage(self._client, handle, plan, life=self._life)

    async def apply_platform(self, handle: Handle, plan: PlatformPlan) -> None:
        await platform.apply_platform(
            self._client, handle, plan, roll=self._roll, taglist=self._taglist
        )

    async def deploy(self, handle: Handle, spec: DeploySpec, voice: Voice) -> Handle:
        return await self._deployer.deploy(handle, spec, voice)

    async def destroy(self, node: Node, voice: Voice) -> None:
        try:
            machine = await self._finder.find(node, self._domain(node))
        except NodeUnknown:
            machine = None
        if machine is None:
            await voice.say(f"{node.name}: MAAS does not know it, nothing to wipe")
        elif machine.kind == INFRASTRUCTURE:
            raise DriverConflict(f"{machine}: is a rack controller and never touched")
        elif machine.state is not NodeState.FOREIGN:
            await self._life.destroyed(machine.sid, voice)
        else:
            raise DriverConflict(f"{machine}: is {machine.status}, so somebody else's")
        self._finder.forget(node.name)
        prefix = tags.key_prefix(node.name)
        own = {name for name in await self._taglist.of() if name.startswith(prefix)}
        await self._taglist.remove(own)
