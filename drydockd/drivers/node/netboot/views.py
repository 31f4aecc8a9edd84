"""A machine's record as tasks and clients see it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import orjson

from drydockd.drivers.base import Handle, NodeRow
from drydockd.drivers.node.netboot.machine import Machine
from drydockd.errors import DriverConflict, DriverTransient
from drydockd.machines import STATUS_NAMES, Device, Document, NodeState, PowerState


def identities(documents: Sequence[Document]) -> tuple[Device, ...]:
    """The disks' serials and worldwide names as the agent read them itself."""
    for document in documents:
        if document.generator == "hardware":
            disks = orjson.loads(document.text).get("disks", ())
            return tuple(
                Device("disk", (disk["name"],), serial=disk.get("serial"), wwn=disk.get("wwn"))
                for disk in disks
            )
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
    )


def row(machine: Machine) -> NodeRow:
    as_handle = handle(machine)
    return NodeRow(
        hostname=as_handle.name,
        memory=machine.memory_mib,
        cpu_count=machine.cpus,
        status_name=STATUS_NAMES[machine.state],
        boot_mac=machine.mac,
        boot_ip=machine.address,
        power_state=PowerState.UNKNOWN.value,
        power_address=machine.power_address,
    )


def trouble(machine: Machine, work: str, failed: NodeState) -> DriverTransient | DriverConflict:
    """Why the work did not end well: it failed (worth another try), or something else came."""
    if machine.state is failed:
        return DriverTransient(f"{machine.label}: {work} failed: {machine.reason}")
    return DriverConflict(f"{machine.label}: {work} was overtaken, it is {machine.state}")


def same_address(told: str | None, wanted: str) -> bool:
    try:
        return told is not None and ipaddress.ip_address(told) == ipaddress.ip_address(wanted)
    except ValueError:
        return told == wanted
