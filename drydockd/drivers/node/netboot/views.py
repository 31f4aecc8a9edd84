"""A machine's record as tasks and clients see it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from drydockd.drivers.base import Handle, NodeRow
from drydockd.drivers.node.netboot.machine import Machine, Stage
from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient
from drydockd.machines import STATUS_NAMES, Device, Document, NodeState, PowerState


def identities(documents: Sequence[Document]) -> tuple[Device, ...]:
    """The disks' serials and worldwide names as the agent read them itself."""
    return tuple(
        Device("disk", (disk["name"],), serial=disk.get("serial"), wwn=disk.get("wwn"))
        for disk in _told(documents, "disks")
    )


def nics(documents: Sequence[Document]) -> Sequence[Mapping[str, Any]]:
    """The NICs as the agent read them: name, mac, bus_address and more."""
    return _told(documents, "nics")


def _told(documents: Sequence[Document], what: str) -> Sequence[Mapping[str, Any]]:
    for document in documents:
        if document.generator == "hardware":
            found: Sequence[Mapping[str, Any]] = orjson.loads(document.text).get(what, ())
            return found
    return ()


def handle(machine: Machine) -> Handle:
    return Handle(
        id=machine.mac,
        name=machine.name or f"mac-{machine.mac.replace(':', '')}",
        state=machine.state,
        boot_mac=machine.mac,
        boot_ip=machine.address,
        power_address=machine.power_address,
        deployment_id=machine.deployment_id,
        final_failure=machine.reason if machine.is_final else None,
    )


POWER = {
    Stage.NETBOOTED: PowerState.ON,
    Stage.OFF: PowerState.OFF,
    Stage.DISK_BOOTED: PowerState.ON,
}


def power(machine: Machine) -> tuple[PowerState, float | None]:
    """What its power was when it was seen last, and when; no BMC is asked for it.

    A BMC that was told to switch, or the agent or installed system that was heard. An agent that
    has ended switches the machine off: what it is then is unknown until a BMC was asked.
    """
    is_heard = machine.seen > machine.stage_at
    if machine.stage is Stage.NETBOOTED and not machine.is_open:
        return PowerState.UNKNOWN, None
    if is_heard and machine.stage in (Stage.NETBOOTED, Stage.DISK_BOOTED):
        return PowerState.ON, machine.seen
    state = POWER.get(machine.stage, PowerState.UNKNOWN)
    return state, machine.stage_at if state is not PowerState.UNKNOWN else None


def row(machine: Machine) -> NodeRow:
    as_handle = handle(machine)
    state, at = power(machine)
    return NodeRow(
        hostname=as_handle.name,
        memory=machine.memory_mib,
        cpu_count=machine.cpus,
        status_name=STATUS_NAMES[machine.state],
        boot_mac=machine.mac,
        boot_ip=machine.address,
        power_state=state.value,
        power_address=machine.power_address,
        power_seen=datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else None,
    )


def trouble(
    machine: Machine, work: str, failed: NodeState
) -> DriverTransient | DriverPersistent | DriverConflict:
    """Why the work did not end well: it failed (worth another try, or it would fail again), or
    something else came."""
    if machine.state is failed:
        kind = DriverPersistent if machine.is_final else DriverTransient
        return kind(f"{machine.label}: {work} failed: {machine.reason}")
    return DriverConflict(f"{machine.label}: {work} was overtaken, it is {machine.state}")


def same_address(told: str | None, wanted: str) -> bool:
    try:
        return told is not None and ipaddress.ip_address(told) == ipaddress.ip_address(wanted)
    except ValueError:
        return told == wanted
