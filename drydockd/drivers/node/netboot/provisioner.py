"""The NodeProvisioner: tasks' calls become records, power and waiting."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from drydockd.drivers.base import (
    Discovery,
    Handle,
    Installed,
    Inventory,
    Log,
    NodeRow,
    NodeState,
    Shelf,
    SiteNote,
    Surroundings,
    Voice,
)
from drydockd.drivers.node.netboot import assembly, plandocs, sitewide, views
from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.accounts import Accounts
from drydockd.drivers.node.netboot.addresses import addresses_of
from drydockd.drivers.node.netboot.arrivals import is_told
from drydockd.drivers.node.netboot.boots import Boots, Terms
from drydockd.drivers.node.netboot.certificate import load_certificate
from drydockd.drivers.node.netboot.handling import Services
from drydockd.drivers.node.netboot.hints import hints
from drydockd.drivers.node.netboot.installs import Installs
from drydockd.drivers.node.netboot.layout import BOOT_RESERVE, layout
from drydockd.drivers.node.netboot.listener import BootListener
from drydockd.drivers.node.netboot.machine import Machine, Phase
from drydockd.drivers.node.netboot.networkd import networkd_files
from drydockd.drivers.node.netboot.nodes import Nodes
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.drivers.node.netboot.power import Limits, Work
from drydockd.drivers.node.netboot.records import Machines
from drydockd.drivers.node.netboot.servedagent import ServedAgent
from drydockd.drivers.node.netboot.supplies import notes
from drydockd.drivers.node.netboot.tokens import BootTokens
from drydockd.errors import (
    DriverConflict,
    DriverTransient,
    InvalidConfig,
)
from drydockd.images.catalogue import ImageCatalogue
from drydockd.machines import Document
from drydockd.plans import FEATURES, DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.site import Catalogue, Network, NetworkLink, Node, Repository

CAPABILITIES = FEATURES - {"repo.rpm"}


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
        self._nodes: Nodes | None = None
        self._surroundings: Surroundings | None = None
        self._machines: Machines | None = None
        self._boots: Boots | None = None
        self._listener: BootListener | None = None
        self._is_told = is_told()

    # -- life

    async def start(self, surroundings: Surroundings) -> None:
        """Read the records; who does not `lead` only tells of them."""
        self._surroundings = surroundings
        self._machines = Machines(surroundings.shelf, follows=True)

    async def lead(self) -> None:
        """Take up the machines and listen. Raises InvalidConfig."""
        options, surroundings = self._options, self._surroundings
        if surroundings is None:
            raise DriverTransient("netboot: not started yet")
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
            interfaces_for=self._addresses.interfaces_for,
        )
        self._nodes = Nodes(self._machines, self._addresses, self._boots.strangers.await_mac)
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
        for machine in self._machines:
            # It was another daemon that reserved it, on its own host.
            if machine.address and machine.name:
                await self._addresses.restore(machine.mac, machine.address, machine.name)

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
        if self._boots is None:
            self._machines.renew()
        return self._machines

    @property
    def installs(self) -> Installs:
        if self._installs is None:
            raise DriverTransient("netboot: not started yet")
        return self._installs

    @property
    def nodes(self) -> Nodes:
        if self._nodes is None:
            raise DriverTransient("netboot: not started yet")
        return self._nodes

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.machines, self._catalogue)

    @property
    def boots(self) -> Boots:
        if self._boots is None:
            raise DriverTransient("netboot: not started yet")
        return self._boots

    # -- the site

    async def check(self) -> Sequence[SiteNote]:
        supplies = await asyncio.to_thread(notes, self._catalogue, self._options.agent)
        mine = [self._listener_note(), *self._interface_notes()]
        return [*mine, *self._addresses.check(), *supplies]

    def _listener_note(self) -> SiteNote:
        if self._surroundings is not None and self._listener is None:
            return SiteNote("the daemon that runs the tasks serves the boot network")
        problem = self._listener.problem() if self._listener else "the boot listener does not run"
        if problem is not None:
            return SiteNote(f"netboot: {problem}", error=True)
        return SiteNote(f"the boot listener answers on port {self.port}")

    def _interface_notes(self) -> list[SiteNote]:
        if self._options.dhcp == "none" or self._is_told:
            return []
        return [
            SiteNote(
                "this kernel does not tell through which interface a connection comes: only its "
                "address decides whether a machine that starts is answered"
            )
        ]

    async def catalogue(self) -> Catalogue:
        try:
            images = await asyncio.to_thread(self._catalogue.images)
        except InvalidConfig as error:
            raise DriverTransient(str(error)) from error
        newest = f"{assembly.NEWEST}*"
        return Catalogue({name: (*image.kernels, newest) for name, image in images.items()})

    async def capabilities(self) -> frozenset[str]:
        # Who else answers DHCP has to serve the relayed networks too.
        return CAPABILITIES if self._options.dhcp == "own" else CAPABILITIES - {"dhcp.relay"}

    async def apply_site_network(
        self, links: Mapping[str, NetworkLink], networks: Mapping[str, Network]
    ) -> Sequence[SiteNote]:
        return await self._addresses.apply(networks)

    async def apply_keys(self, keys: Sequence[str]) -> Sequence[SiteNote]:
        return [SiteNote(f"{len(keys)} authorized keys go into every installation")]

    async def apply_repositories(
        self, repositories: Sequence[Repository], *, remove_unlisted: bool
    ) -> Sequence[SiteNote]:
        await sitewide.keep(self._shelf(), repositories, remove_unlisted=remove_unlisted)
        return [SiteNote(f"{len(repositories)} repositories go into every installation")]

    # -- knowing a node

    async def find(self, node: Node) -> Handle:
        return views.handle(await self.nodes.find(node))

    async def adopt(self, handle: Handle | None, node: Node) -> Handle:
        if handle is None:
            raise DriverConflict(f"{node.name}: netboot finds nodes, it does not enrol them")
        return views.handle(await self.nodes.adopt(handle.id, node))

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
            await self._mention_hints(machine, voice)
        if machine.state in (NodeState.READY, NodeState.DEPLOYING, NodeState.DEPLOYED):
            return views.handle(machine)
        raise views.trouble(machine, "commissioning", NodeState.FAILED_COMMISSION)

    async def _mention_hints(self, machine: Machine, voice: Voice) -> None:
        profile = self.nodes.of(machine).hardware
        nics = views.nics((await self.accounts.inventory(machine)).documents)
        for hint in hints(profile, machine.mac, nics):
            await voice.say(f"{machine.label}: {hint}")

    async def inventory(self, handle: Handle) -> Inventory:
        return await self.accounts.inventory(self.machines.needed(handle.id))

    async def logs(self, handle: Handle, phase: str) -> Sequence[Log]:
        return await self.accounts.logs(self.machines.needed(handle.id), phase)

    async def installed(self, node: Node) -> Installed | None:
        machine = self.nodes.look_up(node)
        return await self.accounts.installed(machine) if machine else None

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
            profile = self.nodes.of(machine).hardware
            boot_mode = profile.boot_mode if profile else None
            machine = await self.installs.begin(
                machine, spec, sitewide.kept(self._shelf()), boot_mode
            )
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
        machine = self.nodes.look_up(node)
        if machine is None:
            await voice.say(f"{node.name}: netboot does not know it, nothing to wipe")
            return
        self.nodes.meet(machine, node)
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
        self.nodes.forget(machine.mac)

    async def list_nodes(self) -> Sequence[NodeRow]:
        return [views.row(machine) for machine in self.machines]

    async def discovered(self, name: str) -> Sequence[Document]:
        return await self.accounts.discovered(name)

    # -- parts

    def _work(self, machine: Machine, voice: Voice) -> Work:
        if self._surroundings is None:
            raise DriverTransient("netboot: not started yet")
        node = self.nodes.of(machine)
        oob = self._surroundings.oob_for(node)
        return Work(self.machines, self.boots, self._limits, node, oob, voice)

    def _shelf(self) -> Shelf:
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
