"""The disks of a machine as MAAS is to have them, checked before the first write. Pure.

MAAS rounds sizes down to 4 MiB, keeps some for the partition table, and takes UUIDs of version 4
only. Source: contract, maas, section 7, maas-facts, rows 4, 15 and 16, and effective-design,
section 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drydockd.drivers.node.maas.storagechecks import (
    ESP,
    LEAST_BOOT,
    LEAST_ROOT,
    MIB,
    check,
    has_esp,
)
from drydockd.errors import DriverConflict, DriverUnsupported
from drydockd.plans import (
    DeviceName,
    DiskPlan,
    FilesystemPlan,
    PartitionPlan,
    StoragePlan,
    VolumeGroupPlan,
)

Document = Mapping[str, Any]

UNIT = 4 * MIB
# What MAAS keeps of a disk before it rounds: 4 MiB in front, 1 MiB behind.
TABLE = 5 * MIB
# The inventory's sizes are those of the disks: what MAAS keeps of each may be taken off the last.
SLACK = 4 * UNIT
ESP_SIZE = 512 * MIB


@dataclass(frozen=True, slots=True)
class Part:
    """One partition; `disk` is an id of MAAS, `size` a multiple of `UNIT`."""

    name: str
    disk: int
    size: int
    bootable: bool = False
    uuid: str | None = None
    filesystem: FilesystemPlan | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """A physical disk that has a use; `group`: it is a physical volume as a whole."""

    id: int
    name: str
    size: int
    parts: tuple[Part, ...] = ()
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    size: int
    uuid: str | None = None
    filesystem: FilesystemPlan | None = None


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    volumes: tuple[Volume, ...]
    uuid: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """`start` are the fields of `set_storage_layout` that begin it: ``flat`` or ``lvm`` where
    MAAS' own gives what is wanted, else ``blank``."""

    boot_disk: int
    disks: tuple[Disk, ...]
    groups: tuple[Group, ...]
    start: Mapping[str, str | int]

    def parts(self) -> Iterator[Part]:
        for disk in self.disks:
            yield from disk.parts


def wanted_layout(
    node: str, plan: StoragePlan, devices: Sequence[Document], *, uefi: bool
) -> Layout:
    """Return the disks that MAAS is to have; `devices` are its block devices.

    With `uefi` the disk that is started from gets an EFI system partition, if the design has
    none. Raises DriverUnsupported (a value that MAAS cannot have, too little room) and
    DriverConflict (a disk that the machine lacks), naming node, field and value; nothing was
    done then.
    """
    check(node, plan)
    found = {disk.device.name: found_disk(node, disk.device, devices) for disk in plan.disks}
    boot = boot_disk_of(node, plan)
    owners: dict[int, str] = {}
    disks = []
    for disk in plan.disks:
        device = found[disk.device.name]
        if (first := owners.setdefault(device["id"], disk.device.name)) != disk.device.name:
            raise DriverConflict(
                f"node {node}: storage: disks {first} and {disk.device.name} are both "
                f"{device['name']} in MAAS; two aliases lead to one device"
            )
        is_boot = disk.device.name == boot
        needs_esp = is_boot and uefi and not has_esp(plan)
        disks.append(_disk(node, disk, device, is_boot=is_boot, needs_esp=needs_esp))
    groups = tuple(_group(node, group, disks, found) for group in plan.volume_groups)
    layout = Layout(found[boot]["id"], tuple(disks), groups, {"storage_layout": "blank"})
    return replace(layout, start=_start(layout))


def found_disk(node: str, device: DeviceName, devices: Sequence[Document]) -> Document:
    """Return the disk a plan names: by its serial or WWN if that is known, else by its name."""
    physical = [entry for entry in devices if entry["type"] == "physical"]
    for entry in physical:
        if device.serial and entry.get("serial") == device.serial:
            return entry
    for entry in physical:
        if device.wwn and device.wwn.lower() in str(entry.get("id_path") or "").lower():
            return entry
    for entry in physical:
        if entry["name"] == device.name:
            return entry
    identity = [f"at {device.bus_address}" if device.bus_address else "", device.serial or ""]
    told = ", ".join(filter(None, identity)) or "no alias of the hardware profile leads to it"
    there = ", ".join(f"{entry['name']} ({entry['size']} bytes)" for entry in physical) or "none"
    raise DriverConflict(
        f"node {node}: storage: MAAS has no disk {device.name} ({told}); the machine has: {there}"
    )


def boot_disk_of(node: str, plan: StoragePlan) -> str:
    """Return the name of the disk that holds ``/boot``, or else ``/``; of a volume group, that
    of its first physical volume. Raises DriverUnsupported without a root."""
    entry = plan.boot or plan.root
    if entry is None or plan.root is None:
        raise DriverUnsupported(f"node {node}: storage: nothing is mounted at /")
    for group in plan.volume_groups:
        if group.name == entry[0]:
            return group.physical_volumes[0].partition("/")[0]
    return entry[0]


# -- disks and groups


def _disk(node: str, disk: DiskPlan, device: Document, *, is_boot: bool, needs_esp: bool) -> Disk:
    name, number = disk.device.name, device["id"]
    if disk.volume_group and not is_boot:
        return Disk(number, name, device["size"], group=disk.volume_group)
    capacity = max(0, device["size"] - TABLE) // UNIT * UNIT
    parts = []
    if needs_esp:
        mounted = FilesystemPlan("fat32", ESP, "defaults", label="efi")
        parts.append(Part("esp", number, ESP_SIZE, bootable=True, filesystem=mounted))
        capacity -= ESP_SIZE
    if disk.volume_group:
        # A machine does not start from a disk without partitions: one takes all of it.
        parts.append(Part(disk.volume_group, number, capacity, group=disk.volume_group))
        return Disk(number, name, device["size"], tuple(parts))
    sizes = _fitted(
        f"node {node}: storage: disk {name}",
        [part.size_bytes for part in disk.partitions],
        capacity,
    )
    marked = _marked(disk.partitions)
    parts += [
        Part(
            part.name,
            number,
            size,
            bootable=part.name in marked,
            uuid=part.part_uuid,
            filesystem=part.filesystem,
            group=part.volume_group,
        )
        for part, size in zip(disk.partitions, sizes, strict=True)
    ]
    return Disk(number, name, device["size"], tuple(parts))


def _marked(partitions: Sequence[PartitionPlan]) -> set[str]:
    """The partitions that are marked bootable: ``/boot`` where a disk has one, as MAAS does it,
    whatever the design marks beside it; else those of the design."""
    for part in partitions:
        if part.filesystem and part.filesystem.mountpoint == "/boot":
            return {part.name}
    return {part.name for part in partitions if part.bootable}


def _fitted(where: str, sizes: Sequence[int], capacity: int) -> list[int]:
    """Sizes rounded down as MAAS does it; what MAAS keeps for itself is taken off the last."""
    fitted = [size // UNIT * UNIT for size in sizes]
    for size, rounded in zip(sizes, fitted, strict=True):
        if not rounded:
            raise DriverUnsupported(f"{where}: {size} bytes are less than MAAS' 4 MiB")
    over = sum(fitted) - capacity
    if over <= 0 or not fitted:
        return fitted
    if over > SLACK or over >= fitted[-1]:
        raise DriverUnsupported(
            f"{where}: {sum(sizes)} bytes are wanted, and {max(0, capacity)} can be had in MAAS"
        )
    return [*fitted[:-1], fitted[-1] - over]


def _group(
    node: str, group: VolumeGroupPlan, disks: Sequence[Disk], found: Mapping[str, Document]
) -> Group:
    sizes = [part.size for disk in disks for part in disk.parts if part.group == group.name]
    by_id = {device["id"]: device for device in found.values()}
    sizes += [by_id[disk.id]["size"] for disk in disks if disk.group == group.name]
    # MAAS keeps an extent of each physical volume.
    capacity = (sum(sizes) // UNIT - len(sizes)) * UNIT
    fitted = _fitted(
        f"node {node}: storage: volume group {group.name}",
        [volume.size_bytes for volume in group.volumes],
        capacity,
    )
    volumes = tuple(
        Volume(volume.name, size, volume.lv_uuid, volume.filesystem)
        for volume, size in zip(group.volumes, fitted, strict=True)
    )
    return Group(group.name, volumes, group.vg_uuid)


# -- how it begins


def _start(layout: Layout) -> dict[str, str | int]:
    """MAAS' own layout, where it gives just what is wanted: one request instead of many."""
    disk = next(disk for disk in layout.disks if disk.id == layout.boot_disk)
    root = _mounted(disk.parts, "/")
    boot = _mounted(disk.parts, "/boot")
    is_boot_elsewhere = boot is None and any(
        part.filesystem and part.filesystem.mountpoint == "/boot" for part in layout.parts()
    )
    fields: dict[str, str | int] = {"root_device": disk.id}
    if boot is not None:
        if not _is_usual(boot, "boot"):
            return {"storage_layout": "blank"}
        fields["boot_size"] = boot.size
    if is_boot_elsewhere:
        return {"storage_layout": "blank"}
    is_root = root is not None and not root.bootable and _is_usual(root, "root")
    if root is not None and is_root and _is_taken(disk, root, boot):
        return {"storage_layout": "flat", **fields, "root_size": root.size}
    return _lvm(layout, disk, boot, fields) or {"storage_layout": "blank"}


def _is_taken(disk: Disk, root: Part, boot: Part | None) -> bool:
    """Whether MAAS takes these sizes: with room for an EFI system partition also where the
    machine needs none, and for a /boot also where there is none."""
    boot_size = boot.size if boot else 0
    return (
        LEAST_ROOT <= root.size <= disk.size - ESP_SIZE - LEAST_BOOT
        and boot_size <= disk.size - ESP_SIZE - LEAST_ROOT
        and root.size + boot_size <= disk.size - ESP_SIZE
    )


def _lvm(
    layout: Layout, disk: Disk, boot: Part | None, fields: Mapping[str, str | int]
) -> dict[str, str | int]:
    for group in layout.groups:
        members = [part for part in layout.parts() if part.group == group.name]
        whole = [other for other in layout.disks if other.group == group.name]
        if whole or len(members) != 1 or members[0] not in disk.parts or group.uuid:
            continue
        if members[0].uuid or members[0].bootable or not _is_taken(disk, members[0], boot):
            continue
        for volume in group.volumes[:1]:
            if _is_at(volume.filesystem, "/") and not volume.uuid and _is_usual(volume, "root"):
                return {
                    "storage_layout": "lvm",
                    **fields,
                    "root_size": members[0].size,
                    "vg_name": group.name,
                    "lv_name": volume.name,
                    "lv_size": volume.size,
                }
    return {}


def _mounted(parts: Sequence[Part], mountpoint: str) -> Part | None:
    return next((part for part in parts if _is_at(part.filesystem, mountpoint)), None)


def _is_at(filesystem: FilesystemPlan | None, mountpoint: str) -> bool:
    return filesystem is not None and filesystem.mountpoint == mountpoint


def _is_usual(entry: Part | Volume, label: str) -> bool:
    """Whether MAAS' own layouts make it like this."""
    filesystem = entry.filesystem
    return (
        not entry.uuid
        and filesystem is not None
        and filesystem.fstype == "ext4"
        and not filesystem.uuid
        and filesystem.label in (None, label)
        and filesystem.options == "defaults"
    )
