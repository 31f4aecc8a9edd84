"""The NodeProvisioner: tasks' calls become records, power and waiting."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

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
from drydockd.drivers.node.netboot import assembly, plandocs, views
from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.addresses import addresses_of
from drydockd.drivers.node.netboot.boots import Boots, Terms
from drydockd.drivers.node.netboot.certificate import load_certificate
from drydockd.drivers.node.netboot.handling import Services
from drydockd.drivers.node.netboot.installs import Installs
from drydockd.drivers.node.netboot.layout import BOOT_RESERVE, layout
from drydockd.drivers.node.netboot.listener import BootListener
from drydockd.drivers.node.netboot.machine import Machine, Phase
from drydockd.drivers.node.netboot.networkd import networkd_files
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.drivers.node.netboot.power import Limits, Work
from drydockd.drivers.node.netboot.records import Machines
from drydockd.drivers.node.netboot.servedagent import ServedAgent
from drydockd.drivers.node.netboot.tokens import BootTokens
from drydockd.errors import (
    DriverConflict,
    DriverTransient,
    DriverUnsupported,
    InvalidConfig,
    NodeUnknown,
    NotFound,
)
from drydockd.images.catalogue import ImageCatalogue
from drydockd.machines import Document, canonical_mac
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.site import Catalogue, Network, NetworkLink, Node, Repository

CAPABILITIES = frozenset(
    {
        "bond.802.3ad",
        "bond.active-backup",
        "bond.balance-rr",
        "vlan",
        "sriov",
        "lvm.root",
        "storage.boot_on_other_disk",
        "fs.label",
        "fs.uuid",
        "part.uuid",
        "boot.uefi",
        "boot.bios",
        "repo.apt",
        "wipe.quick",
        "wipe.full",
    }
)
SITE = "site"
LOG_OF = {"commission": "log-inspect", "deploy": "log-install"}
FORMATS = {"lshw": "text/xml"}
_repositories = TypeAdapter(tuple[Repository, ...])


class NetbootProvisioner:
    """A NodeProvisioner; `start` gives it its records and its listener. See base for the calls.

    A handle's id is the MAC of the machine's boot NIC.
    """

    discovers = Discovery.NETBOOT
    boot_reserve = BOOT_RESERVE
    cuts_power = True

    def __init__(self, options: NetbootOptions) -> None:
        self._options = options
        self._certificate = load_certificate(options)
        self._catalogue = ImageCatalogue(options.images)
        self._agent = ServedAgent(self._catalogue, options.agent, self._ca)
        self._limits = Limits(
            options.hello_seconds, options.silent_seconds, options.first_boot_seconds
        )
        self._addresses = addresses_of(options)
        self._installs: Installs | None = None
        self._nodes: dict[str, Node] = {}
        self._surroundings: Surroundings | None = None
        self._machines: Machines | None = None
        self._boots: Boots | None = None
        self._listener: BootListener | None = None

    # -- life

    async def start(self, surroundings: Surroundings) -> None:
        """Read the records and listen. Raises InvalidConfig."""
        options = self._options
        self._surroundings = surroundings
        self._machines = Machines(surroundings.shelf)
        installs = self._installs = Installs(
            self._machines, self._catalogue, lambda: self._options.reports_to, self._ca
        )
        terms = Terms(
            base_url=options.base_url,
            files=self._agent.files,
            console=options.console,
            params=options.extra_kernel_params,
            discovers_unknown=options.unknown == "discover",
            agent_url=options.told_url if self._certificate else None,
        )
        self._boots = Boots(
            self._machines,
            BootTokens(surroundings.secret),
            terms,
            plan_of=self._told_plan,
            wipe=options.wipe,
        )
        services = Services(
            self._boots,
            file_of=self._agent.file,
            image_of=self._catalogue.blob,
            streams=options.max_parallel,
            connections=options.connections,
            connections_per_address=options.connections_per_address,
        )
        for machine in self._machines:
            if machine.plan is not None:
                await installs.load(machine)
        self._listener = BootListener(services)
        self._listener.start(options.listen)
        if self._certificate is not None:
            self._listener.start_tls(options.tls_listen, self._tls_context)
        await self._addresses.start(surroundings.shelf)

    async def close(self) -> None:
        await self._addresses.close()
        if self._listener is not None:
            await self._listener.stop()

    def renewal(self) -> Callable[[], None]:
        """Read the certificate again; the returned call gives it to new connections, and its CA
        to new starts. Raises InvalidConfig."""
        new = load_certificate(self._options)

        def take() -> None:
            self._certificate = new

        return take

    def served(self) -> Mapping[str, tuple[Path, bytes]]:
        """Return option, file and PEM text of the certificates in use."""
        mine = self._certificate
        return {"netboot_driver.tls_cert": (mine.path, mine.tls.chain)} if mine else {}

    @property
    def port(self) -> int:
        """Where the boot listener listens."""
        return self._listener.port if self._listener else 0

    @property
    def tls_port(self) -> int:
        """Where it listens for HTTPS; 0: nowhere."""
        return self._listener.tls_port if self._listener else 0

    @property
    def machines(self) -> Machines:
        if self._machines is None:
            raise DriverTransient("netboot: not started yet")
        return self._machines

    @property
    def installs(self) -> Installs:
        if self._installs is None:
            raise DriverTransient("netboot: not started yet")
        return self._installs

    @property
    def boots(self) -> Boots:
        if self._boots is None:
            raise DriverTransient("netboot: not started yet")
        return self._boots

    # -- the site

    async def check(self) -> Sequence[SiteNote]:
        notes = [
            self._listener_note(),
            *self._addresses.check(),
        ]
        for look in (self._agent_note, self._images_note):
            try:
                notes.append(await asyncio.to_thread(look))
            except (InvalidConfig, NotFound) as error:
                notes.append(SiteNote(str(error), error=True))
        return notes

    def _listener_note(self) -> SiteNote:
        problem = self._listener.problem() if self._listener else "the boot listener does not run"
        if problem is not None:
            return SiteNote(f"netboot: {problem}", error=True)
        return SiteNote(f"the boot listener answers on port {self.port}")

    def _agent_note(self) -> SiteNote:
        agent = self._catalogue.agent(self._options.agent)
        for file in (agent.kernel, agent.initrd):
            self._catalogue.blob(file.sha256)
        return SiteNote(f"the agent {agent.name} is there, built {agent.built or 'some time'}")

    def _images_note(self) -> SiteNote:
        images = self._catalogue.images()
        for image in images.values():
            self._catalogue.blob(image.sha256)
        return SiteNote(f"the catalogue has {', '.join(images) or 'no images'}", error=not images)

    async def catalogue(self) -> Catalogue:
        try:
            images = await asyncio.to_thread(self._catalogue.images)
        except InvalidConfig as error:
            raise DriverTransient(str(error)) from error
        newest = f"{assembly.NEWEST}*"
        return Catalogue({name: (*image.kernels, newest) for name, image in images.items()})

    async def capabilities(self) -> frozenset[str]:
        return CAPABILITIES

    async def apply_site_network(
        self, links: Mapping[str, NetworkLink], networks: Mapping[str, Network]
    ) -> Sequence[SiteNote]:
        return await self._addresses.apply(networks)

    async def apply_keys(self, keys: Sequence[str]) -> Sequence[SiteNote]:
        return [SiteNote(f"{len(keys)} authorized keys go into every installation")]

    async def apply_repositories(
        self, repositories: Sequence[Repository], *, remove_unlisted: bool
    ) -> Sequence[SiteNote]:
        for repository in repositories:
            if repository.repo_type != "apt":
                raise DriverUnsupported(
                    f"repository {repository.name}: repo_type {repository.repo_type}; "
                    "netboot knows apt"
                )
        document = {
            "repositories": [asdict(repository) for repository in repositories],
            "remove_unlisted": remove_unlisted,
        }
        await self._shelf().put({SITE: document})
        return [SiteNote(f"{len(repositories)} repositories go into every installation")]

    def _site(self) -> assembly.SiteWide:
        kept = self._shelf().record(SITE) or {}
        return assembly.SiteWide(
            _repositories.validate_python(kept.get("repositories", ())),
            bool(kept.get("remove_unlisted")),
        )

    # -- knowing a node

    async def find(self, node: Node) -> Handle:
        machine = self._find(node)
        if machine is None:
            mac = canonical_mac(node.boot_mac) if node.boot_mac else None
            if mac:
                await self._addresses.reserve(mac, node)
            self.boots.await_mac(mac)
            known = f"boot MAC {mac}" if mac else f"BMC {node.oob_address or 'address'}"
            raise NodeUnknown(f"{node.name}: no machine with {known} has started from the network")
        self._nodes[machine.mac] = node
        return views.handle(machine)

    def _find(self, node: Node) -> Machine | None:
        if node.boot_mac:
            return self.machines.get(canonical_mac(node.boot_mac))
        named = self.machines.named(node.name)
        if named is not None:
            return named
        address = node.oob_address
        found = [
            m for m in self.machines if address and views.same_address(m.power_address, address)
        ]
        if len(found) > 1:
            macs = ", ".join(machine.mac for machine in found)
            raise DriverConflict(f"{node.name}: machines {macs} tell the same BMC {address}")
        return found[0] if found else None

    async def adopt(self, handle: Handle | None, node: Node) -> Handle:
        if handle is None:
            raise DriverConflict(f"{node.name}: netboot finds nodes, it does not enrol them")
        other = self.machines.named(node.name)
        if other is not None and other.mac != handle.id:
            raise DriverConflict(
                f"{node.name}: is the name of the machine {other.mac} already; destroy that node, "
                f"or correct metadata.boot_mac"
            )

        def named(machine: Machine) -> Machine:
            if machine.name not in (None, node.name):
                raise DriverConflict(
                    f"{node.name}: its machine {machine.mac} is the node {machine.name} already"
                )
            return replace(machine, name=node.name, address=address)

        address = await self._addresses.reserve(handle.id, node)
        machine = await self.machines.change(handle.id, named)
        self._nodes[machine.mac] = node
        return views.handle(machine)

    # -- commissioning

    async def commission(self, handle: Handle, voice: Voice) -> Handle:
        machine = self.machines.needed(handle.id)
        if machine.state in (NodeState.NEW, NodeState.FAILED_COMMISSION):
            machine = await self.machines.change(
                machine.mac, lambda machine: ways.begun(machine, Phase.INSPECT)
            )
        if machine.state is NodeState.COMMISSIONING:
            work = self._work(machine, voice)
            machine = await work.agent(machine.mac)
        if machine.state is NodeState.READY:
            await self._work(machine, voice).off(machine.mac)
        if machine.state in (NodeState.READY, NodeState.DEPLOYING, NodeState.DEPLOYED):
            return views.handle(machine)
        raise views.trouble(machine, "commissioning", NodeState.FAILED_COMMISSION)

    async def inventory(self, handle: Handle) -> Inventory:
        machine = self.machines.needed(handle.id)
        names = [name for name in machine.documents if not name.startswith("log-")]
        if "lshw" not in names:
            raise NodeUnknown(f"{machine.label}: was never inspected")
        documents = [
            Document(name, FORMATS.get(name, "application/json"), await self._text(machine, name))
            for name in names
        ]
        return Inventory(tuple(documents), identities=views.identities(documents))

    async def logs(self, handle: Handle, phase: str) -> Sequence[Log]:
        machine = self.machines.needed(handle.id)
        name = LOG_OF.get(phase, "")
        if name not in machine.documents:
            return []
        return [Log(phase, "agent", await self._text(machine, name))]

    async def _text(self, machine: Machine, name: str) -> str:
        content = await self.machines.blob(machine.documents[name])
        return content.decode(errors="replace")

    # -- plans

    async def apply_network(self, handle: Handle, plan: NetworkPlan) -> None:
        machine = self._changeable(handle)
        networkd_files(plan)
        await self.machines.put_plan(machine.mac, "network", plandocs.document_of(plan))

    async def apply_storage(self, handle: Handle, plan: StoragePlan) -> None:
        machine = self._changeable(handle)
        layout(plan, "check")
        await self.machines.put_plan(machine.mac, "storage", plandocs.document_of(plan))

    async def apply_platform(self, handle: Handle, plan: PlatformPlan) -> None:
        machine = self._changeable(handle)
        image = await self.installs.image(plan.image)
        assembly.kernel_of(image, plan.kernel)
        await self.machines.put_plan(machine.mac, "platform", plandocs.document_of(plan))

    def _changeable(self, handle: Handle) -> Machine:
        machine = self.machines.needed(handle.id)
        if machine.state not in (NodeState.READY, NodeState.FAILED_DEPLOY):
            raise DriverConflict(f"{machine.label}: cannot be configured, it is {machine.state}")
        return machine

    # -- deployment

    async def deploy(self, handle: Handle, spec: DeploySpec, voice: Voice) -> Handle:
        machine = self.machines.needed(handle.id)
        if machine.state is NodeState.DEPLOYED:
            return views.handle(machine)
        if machine.state is NodeState.DEPLOYING:
            if machine.deployment_id != spec.deployment_id:
                raise DriverConflict(
                    f"{machine.label}: deployment {machine.deployment_id} is under way"
                )
            self.installs.join(machine.mac, spec)
        else:
            machine = await self.installs.begin(machine, spec, self._site())
            await voice.say(f"{spec.image} goes onto {machine.label}")
        self.machines.touch(machine.mac, machine.seen)  # an agent may wait for the spec
        try:
            machine = await self._deployed(machine, voice)
        finally:
            if ways.is_settled(self.machines.get(machine.mac) or machine):
                self.installs.leave(machine.mac)
        if machine.state is NodeState.DEPLOYED:
            return views.handle(machine)
        raise views.trouble(machine, "deployment", NodeState.FAILED_DEPLOY)

    async def _deployed(self, machine: Machine, voice: Voice) -> Machine:
        work = self._work(machine, voice)
        if not machine.is_done:
            machine = await work.agent(machine.mac)
        if machine.state is NodeState.DEPLOYING and machine.is_done:
            await work.off(machine.mac)
            machine = await work.disk_boot(machine.mac)
        return machine

    # -- the end

    async def destroy(self, node: Node, voice: Voice) -> None:
        machine = self._find(node)
        if machine is None:
            await voice.say(f"{node.name}: netboot does not know it, nothing to wipe")
            return
        self._nodes[machine.mac] = node
        if machine.state is not NodeState.RELEASING:
            machine = await self.machines.change(
                machine.mac, lambda machine: ways.begun(machine, Phase.WIPE)
            )
        await voice.say(f"{node.name}: wiping the disks of {machine.mac}")
        work = self._work(machine, voice)
        if not machine.is_done:
            machine = await work.agent(machine.mac)
        if machine.state is not NodeState.RELEASING:
            raise views.trouble(machine, "wipe", NodeState.FAILED_RELEASE)
        await work.off(machine.mac)
        await self._addresses.release(machine.mac)
        await self.machines.forget(machine.mac)
        self.installs.forget(machine.mac)
        self._nodes.pop(machine.mac, None)

    async def list_nodes(self) -> Sequence[NodeRow]:
        return [views.row(machine) for machine in self.machines]

    async def discovered(self, name: str) -> Sequence[Document]:
        for machine in self.machines:
            if machine.name is None and views.handle(machine).name == name and machine.documents:
                return (await self.inventory(views.handle(machine))).documents
        return ()

    # -- parts

    def _work(self, machine: Machine, voice: Voice) -> Work:
        node = self._nodes.get(machine.mac)
        if node is None or self._surroundings is None:
            raise DriverTransient(f"{machine.label}: was not looked up before")
        oob = self._surroundings.oob_for(node)
        return Work(self.machines, self.boots, self._limits, node, oob, voice)

    def _shelf(self) -> Any:
        if self._surroundings is None:
            raise DriverTransient("netboot: not started yet")
        return self._surroundings.shelf

    def _told_plan(self, machine: Machine) -> Mapping[str, Any] | None:
        return self.installs.told(machine, self.boots.first_boot_secret(machine))

    def _ca(self) -> str | None:
        return self._certificate.ca if self._certificate else None

    def _tls_context(self) -> ssl.SSLContext:
        assert self._certificate is not None  # noqa: S101
        return self._certificate.tls.context
