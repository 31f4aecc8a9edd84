"""The room: what BMCs, a node provisioner and Kubernetes show of its machines.

Event-loop thread only; timers and bounded tasks, no threads of its own. State is memory:
it ends with the process that holds the room, not with the drydockd that uses it.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient, NodeUnknown
from drydockd.installed import Installed
from drydockd.machines import BmcFacts, Document, Log, NodeState, PowerState
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.room.account import account_of, documents_of
from drydockd.room.bmcfacts import facts_of
from drydockd.room.cabling import Cabling, check_identity
from drydockd.room.card import MachineView, NodeCard
from drydockd.room.chance import Chance
from drydockd.room.config import BmcCall, FaultConfig, FaultKind, MachineConfig, RoomConfig
from drydockd.room.firstboot import FirstBoots
from drydockd.room.fitness import check_network, check_platform, check_storage
from drydockd.room.hardware import Hardware, hardware_for, made_up_mac
from drydockd.room.machine import Machine

log = logging.getLogger(__name__)

SETTLED = (NodeState.READY, NodeState.FAILED_DEPLOY)
COMMISSIONED = (*SETTLED, NodeState.DEPLOYING, NodeState.DEPLOYED, NodeState.RELEASING)
CALLS = {None: BmcCall.READ, PowerState.OFF: BmcCall.OFF, PowerState.ON: BmcCall.ON}


class Room:
    """A RoomPort in this process. `folder` gets the unpacked boot data of the nodes."""

    def __init__(self, config: RoomConfig | None = None, folder: Path | None = None) -> None:
        self.config = config or RoomConfig()
        self.epoch = uuid.uuid4().hex
        self.revision = 0
        self.chance = Chance(self.config)
        self._made = 0
        self._cabling = Cabling(self._first_machines(), self._one_more)
        self._order: OrderedDict[str, Machine] = OrderedDict(self._cabling.machines)
        self._waiters: set[asyncio.Future[None]] = set()
        self._machine_waiters: dict[str, set[asyncio.Future[None]]] = {}
        self._kept: dict[str, dict[str, str]] = {}
        self._labels: dict[str, dict[str, str]] = {}
        self._own_folder: tempfile.TemporaryDirectory[str] | None = None
        if folder is None:
            self._own_folder = tempfile.TemporaryDirectory(prefix="drydock-room-")
            folder = Path(self._own_folder.name)
        self.folder = folder
        self._boots = FirstBoots(self.config.reports, folder, self)

    def _first_machines(self) -> list[Machine]:
        machines = self.config.machines
        if isinstance(machines, tuple):
            return [self._make(config) for config in machines]
        return [self._make(MachineConfig.model_construct()) for _ in range(machines or 0)]

    def _make(self, config: MachineConfig) -> Machine:
        self._made += 1
        ident = f"m{self._made:04}"
        machine = Machine(ident, config, self, boot_mac=made_up_mac(ident, 0))
        machine.state = config.state or self.config.initial
        if machine.state is not None and config.power == "off":
            machine.stands_on()
        return machine

    def _one_more(self) -> Machine | None:
        if self.config.machines is not None:
            return None
        machine = self._make(MachineConfig.model_construct())
        self._order[machine.id] = machine
        # The order is by revision, and this machine has none yet.
        self._order.move_to_end(machine.id, last=False)
        return machine

    # -- what a machine needs of its surroundings

    def seconds(self, machine: Machine, latency: str) -> float:
        return self.chance.seconds(machine, latency)

    def after(self, seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, then)

    def strikes(self, machine: Machine, fault: FaultKind, call: BmcCall | None = None) -> bool:
        return self.chance.strikes(machine, fault, call)

    def touched(self, machine: Machine) -> None:
        """Number the change and wake who waits for it."""
        self.revision += 1
        machine.revision = self.revision
        self._order.move_to_end(machine.id)
        for waiter in (*self._waiters, *self._machine_waiters.get(machine.id, ())):
            if not waiter.done():
                waiter.set_result(None)

    def start_first_boot(self, machine: Machine) -> asyncio.Task[None]:
        return self._boots.start(machine)

    def forget_disk(self, machine: Machine) -> None:
        self._boots.forget(machine)

    # -- the BMCs

    async def bmc_boot(self, card: NodeCard, device: str) -> MachineView:
        machine = await self._at_bmc(card, BmcCall.BOOT)
        machine.set_next_boot(device)
        return await self._answered(machine, card, BmcCall.BOOT)

    async def bmc_power(self, card: NodeCard, wanted: PowerState | None = None) -> MachineView:
        call = CALLS[wanted]
        machine = await self._at_bmc(card, call)
        if wanted is not None:
            machine.switch(wanted)
        return await self._answered(machine, card, call)

    async def bmc_facts(self, card: NodeCard) -> BmcFacts:
        machine = await self._at_bmc(card, BmcCall.FACTS)
        await self._answered(machine, card, BmcCall.FACTS)
        hardware = machine.hardware or hardware_for(
            machine.id, machine.config, machine.card, self.config.defaults, machine.boot_mac
        )
        return facts_of(machine, hardware, self.config.defaults.tells)

    async def _answered(self, machine: Machine, card: NodeCard, call: BmcCall) -> MachineView:
        if self.strikes(machine, FaultKind.BMC_ANSWER_LOST, call):
            await self._silence(machine, card)
        return machine.view()

    async def _silence(self, machine: Machine, card: NodeCard) -> NoReturn:
        await asyncio.sleep(self.seconds(machine, "bmc_timeout"))
        raise DriverTransient(f"{card.name}: no answer from {card.bmc or 'its BMC'}")

    async def _at_bmc(self, card: NodeCard, call: BmcCall) -> Machine:
        machine = self._cabling.at_bmc(card)
        address = card.bmc or "its BMC"
        if machine is None:
            raise DriverTransient(f"{card.name}: no answer from {address}")
        if self.strikes(machine, FaultKind.BMC_SILENT, call):
            await self._silence(machine, card)
        await asyncio.sleep(self.seconds(machine, "bmc"))
        if self.strikes(machine, FaultKind.BMC_DENIED, call):
            raise DriverPersistent(f"{card.name}: {address} refuses the credentials")
        return machine

    # -- the provisioner

    async def find(self, card: NodeCard) -> MachineView:
        machine = None if self._cabling.is_unseen(card) else self._cabling.look_up(card)
        if machine is None or machine.state is None:
            raise NodeUnknown(f"{card.name}: the room's provisioner has not seen it")
        return machine.view()

    async def adopt(self, machine: str, card: NodeCard) -> MachineView:
        found = self._seen(machine)
        check_identity(found, card)
        if found.config.kind == "infrastructure":
            raise DriverConflict(f"{card.name}: machine {machine} is infrastructure")
        if found.state in (NodeState.FOREIGN, NodeState.BROKEN):
            raise DriverConflict(f"{card.name}: machine {machine} is {found.state}")
        bound = self._cabling.of_name(card.name)
        if bound is not None and bound is not found:
            raise DriverConflict(f"{card.name}: is already machine {bound.id}")
        found.card = card
        if found.hardware is None or found.state is NodeState.NEW:
            self._equip(found)
        self.touched(found)
        return found.view()

    async def enrol(self, card: NodeCard) -> MachineView:
        machine = self._cabling.look_up(card)
        if machine is None:
            raise DriverPersistent(f"{card.name}: the room has no machine for it")
        machine.enrol()
        return await self.adopt(machine.id, card)

    def _equip(self, machine: Machine) -> Hardware:
        machine.hardware = hardware_for(
            machine.id, machine.config, machine.card, self.config.defaults, machine.boot_mac
        )
        return machine.hardware

    async def commission(self, machine: str) -> MachineView:
        found = self._seen(machine)
        if found.hardware is None:
            self._equip(found)
        found.commission()
        return found.view()

    async def deploy(self, machine: str, spec: DeploySpec) -> MachineView:
        found = self._seen(machine)
        kernels = {kernel for kernel in (spec.kernel,) if kernel}
        if found.state in SETTLED:
            check_platform(found, spec.image, kernels, self.config.images)
        found.deploy(spec)
        return found.view()

    async def destroy(self, card: NodeCard) -> MachineView | None:
        machine = self._cabling.look_up(card)
        if machine is None or machine.state is None:
            return None
        machine.destroy()
        return machine.view()

    async def apply_network(self, machine: str, plan: NetworkPlan) -> None:
        if found := self._changeable(machine, "network"):
            check_network(found, plan)
            found.network = plan
            self.touched(found)

    async def apply_storage(self, machine: str, plan: StoragePlan) -> None:
        if found := self._changeable(machine, "storage"):
            check_storage(found, plan)
            found.storage = plan
            self.touched(found)

    async def apply_platform(self, machine: str, plan: PlatformPlan) -> None:
        if found := self._changeable(machine, "platform"):
            kernels = {kernel for kernel in (plan.kernel,) if kernel}
            check_platform(found, plan.image, kernels, self.config.images)
            found.platform = plan
            self.touched(found)

    def _changeable(self, machine: str, what: str) -> Machine | None:
        """The machine if its plan may be set now; None if it is deployed (nothing to do)."""
        found = self._seen(machine)
        if found.state is NodeState.DEPLOYED:
            return None
        if found.state not in SETTLED:
            raise DriverConflict(f"{found}: its {what} cannot be set, it is {found.state}")
        if found.hardware is None:
            self._equip(found)
        return found

    async def inventory(self, machine: str) -> list[Document]:
        found = self._seen(machine)
        if found.state not in COMMISSIONED:
            raise NodeUnknown(f"{found}: was never commissioned, there is no inventory")
        return documents_of(found.hardware or self._equip(found), found.name or found.id)

    async def installed(self, card: NodeCard) -> Installed | None:
        machine = None if self._cabling.is_unseen(card) else self._cabling.look_up(card)
        return account_of(machine) if machine else None

    async def logs(self, machine: str, phase: str) -> list[Log]:
        return [entry for entry in self._seen(machine).logs if entry.phase == phase]

    async def machines(self) -> list[MachineView]:
        return [machine.view() for machine in self._cabling.machines.values()]

    async def count(self) -> int:
        return len(self._cabling.machines)

    async def catalogue(self) -> Mapping[str, tuple[str, ...]]:
        return dict(self.config.images)

    async def keep(
        self, kind: str, entries: Mapping[str, str], remove_unlisted: bool = False
    ) -> Mapping[str, str]:
        have = self._kept.setdefault(kind, {})
        verdicts = {}
        for name, value in entries.items():
            known = have.get(name)
            verdicts[name] = "created" if known is None else "updated"
            if known == value:
                verdicts[name] = "unchanged"
            have[name] = value
        for name in [n for n in have if n not in entries] if remove_unlisted else []:
            del have[name]
            verdicts[name] = "removed"
        return verdicts

    def _seen(self, machine: str) -> Machine:
        found = self._cabling.machines.get(machine)
        if found is None or found.state is None:
            raise NodeUnknown(f"the room's provisioner knows no machine {machine}")
        return found

    # -- Kubernetes

    async def relabel(self, node: str, labels: Mapping[str, str]) -> None:
        """Full replacement; contract, kubernetes, section 2: only ``kubernetes.io`` keys stay."""
        machine = self._cabling.of_name(node)
        if machine is None or machine.state is not NodeState.DEPLOYED:
            raise NodeUnknown(f"{node}: is no node of the room's Kubernetes; is it deployed?")
        if self.strikes(machine, FaultKind.RELABEL_FAILS):
            raise DriverTransient(f"{node}: the Kubernetes API answers 503")
        old = self._labels.get(node, {"kubernetes.io/hostname": node})
        kept = {key: value for key, value in old.items() if "kubernetes.io" in key}
        self._labels[node] = {**kept, **labels}

    async def labels(self, node: str) -> Mapping[str, str]:
        """What the node is labelled with now; empty if it never was."""
        return dict(self._labels.get(node, {}))

    # -- waiting

    async def changed(self, machine: str, after: int) -> MachineView:
        found = self._cabling.machines.get(machine)
        if found is None:
            raise NodeUnknown(f"there is no machine {machine} in the room")
        while found.revision <= after:
            waiters = self._machine_waiters.setdefault(machine, set())
            await _wait_in(waiters)
        return found.view()

    async def changes(self, after: int, seconds: float) -> tuple[int, list[MachineView]]:
        """The revision, and the machines that changed since revision `after`, oldest first.

        Waits up to `seconds` for the first one; an empty list says that nothing happened.
        """
        if self.revision <= after:
            try:
                async with asyncio.timeout(seconds):
                    await _wait_in(self._waiters)
            except TimeoutError:
                return after, []
        changed = []
        for machine in reversed(self._order.values()):
            if machine.revision <= after:
                break
            changed.append(machine.view())
        # Revision and machines of one moment: the next call starts just behind them.
        return self.revision, changed[::-1]

    def set_faults(self, faults: tuple[FaultConfig, ...]) -> None:
        """Replace the faults from now on; what already hangs or failed stays so."""
        self.chance.faults = faults
        for machine in self._cabling.machines.values():
            machine.struck.clear()

    async def first_boots_done(self) -> None:
        """Wait until no machine is fetching or reporting."""
        await self._boots.idle()

    async def close(self) -> None:
        """Stop every machine; unpacked boot data goes if the room chose its folder itself."""
        for machine in self._cabling.machines.values():
            machine.stop()
        await self._boots.close()
        if self._own_folder is not None:
            self._own_folder.cleanup()
            self._own_folder = None


async def _wait_in(waiters: set[asyncio.Future[None]]) -> None:
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.add(waiter)
    try:
        await waiter
    finally:
        waiters.discard(waiter)
