"""Can this machine be what the plans ask for? Refused before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping

from drydockd.errors import DriverConflict, DriverUnsupported
from drydockd.plans import FEATURES, NetworkPlan, StoragePlan
from drydockd.room.hardware import Hardware
from drydockd.room.machine import Machine

CAPABILITIES = FEATURES - {"repo.rpm"}


def check_network(machine: Machine, plan: NetworkPlan) -> None:
    """Raises DriverUnsupported for a NIC that is not there or a bond that nobody can do."""
    hardware = _hardware(machine)
    present = ", ".join(nic.name for nic in hardware.nics)
    for interface in plan.interfaces:
        for device in interface.devices:
            if hardware.nic(device.name) is None:
                raise DriverUnsupported(
                    f"{machine}: interface {interface.name} wants NIC {device.name}; "
                    f"the machine has {present}"
                )
        mode = interface.bond.mode if interface.bond else None
        if mode and f"bond.{mode}" not in CAPABILITIES:
            raise DriverUnsupported(f"{machine}: {interface.name}: no bonding mode {mode}")


def check_storage(machine: Machine, plan: StoragePlan) -> None:
    """Raises DriverUnsupported for a disk that is not there or too small."""
    hardware = _hardware(machine)
    present = ", ".join(disk.name for disk in hardware.disks)
    for wanted in plan.disks:
        disk = hardware.disk(wanted.device.name)
        if disk is None:
            raise DriverUnsupported(
                f"{machine}: the design wants disk {wanted.device.name}; the machine has {present}"
            )
        total = sum(partition.size_bytes for partition in wanted.partitions)
        if total > disk.size_bytes:
            raise DriverUnsupported(
                f"{machine}: the partitions of {disk.name} need {total} bytes, "
                f"it has {disk.size_bytes}"
            )


def check_platform(
    machine: Machine,
    image: str | None,
    kernels: set[str],
    images: Mapping[str, tuple[str, ...]],
) -> None:
    """Raises DriverUnsupported for an image or kernel that is not in the catalogue."""
    if image is None:
        return
    if image not in images:
        raise DriverUnsupported(f"{machine}: no image {image}; there are {', '.join(images)}")
    for kernel in kernels:
        if kernel not in images[image]:
            raise DriverUnsupported(
                f"{machine}: image {image} has no kernel {kernel}; "
                f"it has {', '.join(images[image]) or 'none'}"
            )


def _hardware(machine: Machine) -> Hardware:
    if machine.hardware is None:
        raise DriverConflict(f"{machine}: was never commissioned, its hardware is unknown")
    return machine.hardware
