"""One virtual machine: power, boot device, life cycle. It works by timers, never by threads.

What is under way belongs to the machine, not to who asked for it: a caller that goes away
changes nothing. States as in contract, node-provisioner, section 3; None = never seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from drydockd.errors import DriverConflict
from drydockd.machines import Log, NodeState, PowerState
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.room.card import FirstBoot, MachineView, NodeCard
from drydockd.room.config import FaultKind, MachineConfig
from drydockd.room.hardware import Hardware

log = logging.getLogger(__name__)

BUSY = (NodeState.COMMISSIONING, NodeState.DEPLOYING, NodeState.RELEASING)
FAILED = {
    NodeState.COMMISSIONING: NodeState.FAILED_COMMISSION,
    NodeState.DEPLOYING: NodeState.FAILED_DEPLOY,
    NodeState.RELEASING: NodeState.FAILED_RELEASE,
}
COUNTED = (
    "power_cuts",
    "power_cuts_busy",
    "power_cuts_deployed",
    "starts",
    "netboots",
    "commissions",
    "deployments",
    "releases",
    "wipes",
    "first_boots",
)


class Timer(Protocol):
    def cancel(self) -> None: ...


class Surroundings(Protocol):
    """What a machine needs of the room it stands in."""

    def seconds(self, machine: Machine, latency: str) -> float: ...
    def after(self, seconds: float, then: Callable[[], None]) -> Timer: ...
    def strikes(self, machine: Machine, fault: FaultKind) -> bool: ...
    def touched(self, machine: Machine) -> None: ...
    def start_first_boot(self, machine: Machine) -> asyncio.Task[None]: ...
    def forget_disk(self, machine: Machine) -> None: ...


class Machine:
    def __init__(
        self, ident: str, config: MachineConfig, room: Surroundings, *, boot_mac: str
    ) -> None:
        self.id = ident
        self.config = config
        self.card: NodeCard | None = None
        self.boot_mac = config.boot_mac or boot_mac
        self.hardware: Hardware | None = None
        self.state = config.state
        self.power = PowerState(config.power)
        self.next_boot = "disk"
        self.reason = ""
        self.spec: DeploySpec | None = None
        self.deployments: list[str] = []
        # What it was made of when it was deployed last.
        self.deployed_hardware: Hardware | None = None
        self.network: NetworkPlan | None = None
        self.storage: StoragePlan | None = None
        self.platform: PlatformPlan | None = None
        self.first_boot = FirstBoot()
        self.counters: Counter[str] = Counter()
        self.struck: Counter[int] = Counter()
        self.logs: list[Log] = []
        self.revision = 0
        self._room = room
        self._power_wanted = self.power
        self._power_timer: Timer | None = None
        self._work_timer: Timer | None = None
        self._boot_task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str | None:
        return self.card.name if self.card else self.config.name

    @property
    def bmc(self) -> str | None:
        return self.config.bmc or (self.card.bmc if self.card else None)

    def __str__(self) -> str:
        return f"{self.name or 'unnamed machine'} ({self.id})"

    def view(self) -> MachineView:
        hardware = self.hardware
        return MachineView(
            id=self.id,
            revision=self.revision,
            name=self.name,
            state=self.state,
            power=self.power,
            power_wanted=self._power_wanted,
            next_boot=self.next_boot,
            kind=self.config.kind,
            boot_mac=self.boot_mac,
            boot_ip=self.card.boot_ip if self.card else None,
            bmc=self.bmc,
            memory_mib=hardware.memory_mib if hardware else 0,
            cpus=hardware.cpus if hardware else 0,
            reason=self.reason,
            deployment_id=self.spec.deployment_id if self.spec else None,
            deployments=tuple(self.deployments),
            counters={name: self.counters[name] for name in COUNTED},
            first_boot=self.first_boot,
        )

    def stands_on(self) -> None:
        """It was running when the room opened; counts as no start."""
        self.power = self._power_wanted = PowerState.ON

    # -- power, as the BMC does it

    def set_next_boot(self, device: str) -> None:
        """One-shot: counts for the next start only."""
        self.next_boot = device
        self._room.touched(self)

    def switch(self, wanted: PowerState) -> None:
        """Begin to turn on or off; nothing if it already is or already does."""
        if wanted is self._power_wanted or self._room.strikes(self, FaultKind.POWER_STUCK):
            return
        self._power_wanted = wanted
        if self._power_timer is not None:
            self._power_timer.cancel()
        self._power_timer = self._after("power", self._switched)
        self._room.touched(self)

    def _switched(self) -> None:
        self._power_timer = None
        if self.power is not self._power_wanted:
            self.power = self._power_wanted
            if self.power is PowerState.OFF:
                self._lost_power()
            else:
                self._start()
        self._room.touched(self)

    def _lost_power(self) -> None:
        self.counters["power_cuts"] += 1
        self._stop_boot()
        if self.state in BUSY:
            self.counters["power_cuts_busy"] += 1
            self._fail(self.state, f"power was cut while {self.state}")
        elif self.state is None:
            self._stop_work()
        if self.state is NodeState.DEPLOYED:
            self.counters["power_cuts_deployed"] += 1

    def _start(self) -> None:
        self.counters["starts"] += 1
        device, self.next_boot = self.next_boot, "disk"
        if device == "network":
            self.counters["netboots"] += 1
            if self.state is None and not self._room.strikes(self, FaultKind.NO_DISCOVERY):
                self._work_timer = self._after("discovery", self._discovered)
        if self.state is NodeState.DEPLOYED and self.first_boot.state not in ("done", "failed"):
            self._boot_task = self._room.start_first_boot(self)

    def _discovered(self) -> None:
        self._work_timer = None
        self._enter(NodeState.NEW)

    # -- life cycle, as the provisioner drives it

    def enrol(self) -> None:
        """Become known without having booted; nothing if it is known."""
        if self.state is None:
            self._stop_work()
            self._enter(NodeState.NEW)

    def commission(self) -> None:
        """Start commissioning; joins a running one, nothing if ready or later."""
        match self.state:
            case NodeState.NEW | NodeState.FAILED_COMMISSION:
                self.counters["commissions"] += 1
                self._power_up()
                faults = (FaultKind.COMMISSION_FAILS, FaultKind.COMMISSION_HANGS)
                self._begin(NodeState.COMMISSIONING, "commission", self._commissioned, faults)
            case NodeState.COMMISSIONING | NodeState.READY | NodeState.DEPLOYING:
                pass
            case NodeState.DEPLOYED | NodeState.FAILED_DEPLOY:
                pass
            case _:
                raise self._conflict("commissioned")

    def _commissioned(self) -> None:
        self._note("commission", "00-inventory", "inventory collected")
        self._note("testing", "smartctl-validate", "all disks passed")
        self._enter(NodeState.READY)

    def deploy(self, spec: DeploySpec) -> None:
        """Start deploying; deployed: nothing, deploying: join, failed_deploy: release first."""
        match self.state:
            case NodeState.READY:
                self._deploy(spec)
            case NodeState.FAILED_DEPLOY:
                self.counters["releases"] += 1
                self._note("deploy", "release", "released after a failed deployment")
                self._deploy(spec)
            case NodeState.DEPLOYING | NodeState.DEPLOYED:
                pass
            case _:
                raise self._conflict("deployed")

    def _deploy(self, spec: DeploySpec) -> None:
        self.spec = spec
        self.deployments.append(spec.deployment_id)
        self.deployed_hardware = self.hardware
        self.counters["deployments"] += 1
        self.first_boot = FirstBoot()
        self._stop_boot()
        self._power_up()
        faults = (FaultKind.DEPLOY_FAILS, FaultKind.DEPLOY_HANGS)
        self._begin(NodeState.DEPLOYING, "deploy", self._deployed, faults)

    def _deployed(self) -> None:
        packages = ", ".join(sorted(self.spec.packages)) if self.spec else ""
        self._note("deploy", "curtin", f"installed; packages: {packages or 'none'}")
        self._enter(NodeState.DEPLOYED)
        self._boot_task = self._room.start_first_boot(self)

    def destroy(self) -> None:
        """Start wiping; joins a running wipe, nothing if never seen. Ends in state None."""
        if self.state is None or self.state is NodeState.RELEASING:
            return
        if self.config.kind == "infrastructure" or self.state is NodeState.FOREIGN:
            raise self._conflict("destroyed")
        self._stop_work()
        self._stop_boot()
        self.counters["wipes"] += 1
        self._power_up()
        faults = (FaultKind.WIPE_FAILS, FaultKind.WIPE_HANGS)
        self._begin(NodeState.RELEASING, "wipe", self._wiped, faults)

    def _wiped(self) -> None:
        """Forgotten: it must be netbooted to be seen again, and then its hardware is new."""
        self.network = self.storage = self.platform = self.spec = None
        self.hardware = self.deployed_hardware = None
        self.first_boot = FirstBoot()
        self.logs.clear()
        self.power = self._power_wanted = PowerState.OFF
        self._room.forget_disk(self)
        self._enter(None)

    # -- how work goes

    def _begin(
        self,
        state: NodeState,
        latency: str,
        done: Callable[[], None],
        faults: tuple[FaultKind, FaultKind],
    ) -> None:
        """Enter a busy state and leave it later: done, failed, or (hanging) never."""
        fails, hangs = faults
        self._stop_work()
        self.reason = ""
        self.state = state
        log.info("%s: %s", self, state)
        if self._room.strikes(self, fails):
            self._work_timer = self._after(latency, lambda: self._fail(state, f"fault {fails}"))
        elif self._room.strikes(self, hangs):
            self.reason = f"fault {hangs}"
        else:
            self._work_timer = self._after(latency, done)
        self._room.touched(self)

    def _fail(self, busy: NodeState, reason: str) -> None:
        phase = "commission" if busy is NodeState.COMMISSIONING else "deploy"
        self._note(phase, "error", reason)
        self._stop_work()
        self.reason = reason
        self._enter(FAILED[busy], keep_reason=True)

    def _enter(self, state: NodeState | None, *, keep_reason: bool = False) -> None:
        self._work_timer = None
        self.state = state
        if not keep_reason:
            self.reason = ""
        log.info("%s: %s%s", self, state or "forgotten", f", {self.reason}" if self.reason else "")
        self._room.touched(self)

    def _power_up(self) -> None:
        """The provisioner starts the machine itself; no cut, whatever it did before."""
        if self._power_timer is not None:
            self._power_timer.cancel()
            self._power_timer = None
        if self.power is not PowerState.ON:
            self.counters["starts"] += 1
        self.power = self._power_wanted = PowerState.ON

    def _conflict(self, verb: str) -> DriverConflict:
        what = self.config.kind if self.config.kind != "machine" else str(self.state or "not seen")
        return DriverConflict(f"{self}: cannot be {verb}, it is {what}")

    def _note(self, phase: str, name: str, text: str) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.logs.append(Log(phase, name, f"{stamp} {self.id}: {text}\n"))

    def _after(self, latency: str, then: Callable[[], None]) -> Timer:
        return self._room.after(self._room.seconds(self, latency), then)

    def _stop_work(self) -> None:
        if self._work_timer is not None:
            self._work_timer.cancel()
            self._work_timer = None

    def _stop_boot(self) -> None:
        if self._boot_task is not None:
            self._boot_task.cancel()
            self._boot_task = None

    def stop(self) -> None:
        """End every timer: the room closes."""
        self._stop_work()
        self._stop_boot()
        if self._power_timer is not None:
            self._power_timer.cancel()
            self._power_timer = None
