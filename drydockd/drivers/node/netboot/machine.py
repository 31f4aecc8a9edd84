"""A machine on a boot network: its record, and every way from one state to the next. Pure.

Each function returns the new record; the caller stores it before it answers or acts on it. Nothing
here decides by the clock but what is handed in. Source: contract, netboot, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from drydockd.errors import DriverConflict
from drydockd.machines import NodeState

# How often one deployment lets its agent begin again after a reboot of its own.
MOST_INSTALLS = 3
# An agent that was heard within this many seconds is at work: its power is not touched.
FRESH_SECONDS = 60.0


class Phase(StrEnum):
    """What an agent was started for."""

    DISCOVER = "discover"
    INSPECT = "inspect"
    INSTALL = "install"
    WIPE = "wipe"


class Stage(StrEnum):
    """How far the power of a machine was brought; each is stored when its call has returned.

    POWERING alone is stored before: from then on the machine may start from the network.
    """

    BEGUN = "begun"
    POWERING = "powering"
    NETBOOTED = "netbooted"
    OFF = "off"
    DISK_BOOTED = "disk-booted"


SWITCHED_ON = (Stage.POWERING, Stage.NETBOOTED)


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known of one machine; `mac` is that of its boot NIC and its key.

    `boot_serial` counts the starts that were allowed: a token of an older one is void. `phase` and
    `nonce` are those of the newest start and of the agent which said hello to it. `is_open`: the
    script may hand out a token. `is_done`: the agent of the phase ended well; of a
    deployment, the first boot from disk is awaited. `documents` maps a generator, or ``log-`` and
    a phase, to the digest of its text. `plan` is the digest of the installation, `address` the one
    reserved for the MAC. `stage` is how far its power was brought for this phase, since
    `stage_at`. `booted_params` is the kernel's command line that its installed system reported.
    `reason` is why its work failed, `is_final` whether the same work would fail again.
    Times are seconds since the epoch.
    """

    mac: str
    state: NodeState = NodeState.NEW
    name: str | None = None
    boot_serial: int = 0
    phase: Phase | None = None
    is_open: bool = False
    is_done: bool = False
    nonce: str | None = None
    installs: int = 0
    deployment_id: str | None = None
    plan: str | None = None
    address: str | None = None
    power_address: str | None = None
    uuid: str | None = None
    serial: str | None = None
    firmware: str | None = None
    stage: Stage = Stage.BEGUN
    stage_at: float = 0.0
    step: str = ""
    seen: float = 0.0
    memory_mib: int = 0
    cpus: int = 0
    reason: str = ""
    is_final: bool = False
    documents: Mapping[str, str] = field(default_factory=dict)
    booted_params: str = ""

    @property
    def label(self) -> str:
        return f"{self.name} ({self.mac})" if self.name else self.mac


_WORK = {
    Phase.INSPECT: NodeState.COMMISSIONING,
    Phase.INSTALL: NodeState.DEPLOYING,
    Phase.WIPE: NodeState.RELEASING,
}
_FAILED = {
    NodeState.COMMISSIONING: NodeState.FAILED_COMMISSION,
    NodeState.DEPLOYING: NodeState.FAILED_DEPLOY,
    NodeState.RELEASING: NodeState.FAILED_RELEASE,
}
_MAY_BEGIN = {
    Phase.INSPECT: (NodeState.NEW, NodeState.READY, NodeState.FAILED_COMMISSION),
    Phase.INSTALL: (NodeState.READY, NodeState.FAILED_DEPLOY),
    Phase.WIPE: (
        NodeState.NEW,
        NodeState.READY,
        NodeState.DEPLOYING,
        NodeState.DEPLOYED,
        NodeState.FAILED_COMMISSION,
        NodeState.FAILED_DEPLOY,
        NodeState.FAILED_RELEASE,
    ),
}


def begun(
    machine: Machine, phase: Phase, *, deployment_id: str | None = None, plan: str | None = None
) -> Machine:
    """Return the machine whose next start is to run the agent in `phase`; older tokens are void.

    Raises DriverConflict in a state that does not allow it.
    """
    if machine.state not in _MAY_BEGIN[phase]:
        raise DriverConflict(f"{machine.label}: cannot begin to {phase}, it is {machine.state}")
    return replace(
        machine,
        state=_WORK[phase],
        phase=phase,
        boot_serial=machine.boot_serial + 1,
        is_open=True,
        is_done=False,
        nonce=None,
        installs=0,
        deployment_id=deployment_id if phase is Phase.INSTALL else machine.deployment_id,
        plan=plan if phase is Phase.INSTALL else machine.plan,
        stage=Stage.BEGUN,
        step="waits for its network boot",
        reason="",
        is_final=False,
    )


def gives_agent(machine: Machine) -> bool:
    """Whether a network boot of this machine is answered with the agent, not with local boot:
    where a task expects it, and we have switched it on ourselves."""
    return machine.phase is not None and machine.is_open and machine.stage in SWITCHED_ON


def greeted(machine: Machine, nonce: str, now: float) -> Machine:
    """Return the machine after the hello of an agent. The same nonce again changes nothing but
    the time. Raises DriverConflict for a second agent: two machines claim to be one."""
    if machine.nonce is None:
        return replace(machine, nonce=nonce, seen=now, step="agent started")
    if machine.nonce != nonce:
        raise DriverConflict(f"two machines claim to be {machine.label}")
    return replace(machine, seen=now)


def restarted(machine: Machine) -> Machine:
    """Return the machine whose agent asked for its script again: a new token, the old one void.

    The same work from zero, `MOST_INSTALLS` times for one deployment. Raises DriverConflict then.
    """
    if machine.installs + 1 >= MOST_INSTALLS:
        raise DriverConflict(
            f"{machine.label}: started {MOST_INSTALLS} times for one {machine.phase} without "
            f"an end; last step: {machine.step or 'none'}"
        )
    return replace(
        machine,
        boot_serial=machine.boot_serial + 1,
        nonce=None,
        installs=machine.installs + 1,
        step="starts again",
    )


def inspected(machine: Machine, documents: Mapping[str, str], now: float) -> Machine:
    """Return the machine whose inventory is stored under the digests of `documents`."""
    state = NodeState.READY if machine.state is NodeState.COMMISSIONING else machine.state
    return replace(
        machine,
        state=state,
        documents={**machine.documents, **documents},
        is_open=machine.is_open and state is not NodeState.READY,
        is_done=state is NodeState.READY,
        step="inventory stored",
        seen=now,
    )


def ended(machine: Machine, now: float) -> Machine:
    """Return the machine whose agent ended well: from now on it starts from disk."""
    return replace(machine, is_open=False, is_done=True, step=f"{machine.phase} ended", seen=now)


def deployed(machine: Machine, now: float, booted_params: str = "") -> Machine:
    """Return the machine whose installed system reported. Raises DriverConflict too early."""
    if machine.state is not NodeState.DEPLOYING or not machine.is_done:
        raise DriverConflict(f"{machine.label}: is {machine.state}, no first boot is awaited")
    return replace(
        machine,
        state=NodeState.DEPLOYED,
        step="reported from disk",
        seen=now,
        booted_params=booted_params,
    )


def brought(machine: Machine, stage: Stage, now: float) -> Machine:
    """Return the machine whose power was brought to `stage`."""
    return replace(machine, stage=stage, stage_at=now)


def failed(machine: Machine, reason: str, *, is_final: bool = False) -> Machine:
    """Return the machine whose work ended badly; nothing of it may begin by itself again.

    `is_final`: no task may repeat it either, as the same would come of it.
    """
    return replace(
        machine,
        state=_FAILED.get(machine.state, machine.state),
        is_open=False,
        is_done=False,
        reason=reason,
        is_final=is_final,
    )


def is_settled(machine: Machine) -> bool:
    """Whether nothing is under way: no agent, no first boot."""
    return machine.state not in _FAILED


def is_fresh(machine: Machine, now: float) -> bool:
    """Whether its agent was heard lately: then its power is not to be touched."""
    return machine.is_open and machine.nonce is not None and now - machine.seen < FRESH_SECONDS
