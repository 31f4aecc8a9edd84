"""The disks of a machine as MAAS is to have them, checked before the first write. Pure.

MAAS rounds sizes down to 4 MiB, keeps some for the partition table, and takes UUIDs of version 4
only. Source: contract, maas, section 7, maas-facts, rows 4, 15 and 16, and effective-design,
section 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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

MIB = 1024 * 1024
UNIT = 4 * MIB
# What MAAS keeps of a disk before it rounds: 4 MiB in front, 1 MiB behind.
TABLE = 5 * MIB
# The inventory's sizes are those of the disks: what MAAS keeps of each may be taken off the last.
SLACK = 4 * UNIT
ESP_SIZE = 512 * MIB
LEAST_ROOT = 3 * 1024 * MIB
LEAST_BOOT = 512 * MIB
ESP = "/boot/efi"
# File system -> the longest label it takes, in bytes.
LABELS = {
    "ext2": 16,
    "ext3": 16,
    "ext4": 16,
    "xfs": 12,
    "btrfs": 255,
    "vfat": 11,
    "fat32": 11,
    "swap": 15,
}
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I)


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
    _check(node, plan)
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
        needs_esp = is_boot and uefi and not _has_esp(plan)
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


# -- checks


def _check(node: str, plan: StoragePlan) -> None:
    mounts: dict[str, str] = {}
    for where, entry in _entries(plan):
        at = f"node {node}: storage: {where}"
        for name, value in entry.items():
            if isinstance(value, str) and not _UUID4.fullmatch(value):
                raise DriverUnsupported(f"{at}: {name} {value}: MAAS takes UUIDs of version 4 only")
        filesystem = entry["filesystem"]
        if isinstance(filesystem, FilesystemPlan):
            _check_filesystem(at, filesystem)
            if filesystem.mountpoint.startswith("/"):
                first = mounts.setdefault(filesystem.mountpoint, where)
                if first != where:
                    raise DriverUnsupported(
                        f"{at}: {filesystem.mountpoint} is mounted already, from {first}"
                    )
    for entry_of, least, mount in ((plan.root, LEAST_ROOT, "/"), (plan.boot, LEAST_BOOT, "/boot")):
        size = _size_of(plan, entry_of)
        if size is not None and size < least:
            raise DriverUnsupported(
                f"node {node}: storage: {'/'.join(entry_of or ())}: {mount} has {size} bytes, "
                f"MAAS makes {least} ({least // MIB} MiB) at least"
            )


def _entries(plan: StoragePlan) -> Iterator[tuple[str, dict[str, str | FilesystemPlan | None]]]:
    """Everything that may have a UUID or a file system, with its name."""
    for disk in plan.disks:
        for part in disk.partitions:
            yield (
                f"partition {disk.device.name}/{part.name}",
                {"part_uuid": part.part_uuid, **_uuid(part.filesystem)},
            )
    for group in plan.volume_groups:
        yield f"volume group {group.name}", {"vg_uuid": group.vg_uuid, "filesystem": None}
        for volume in group.volumes:
            yield (
                f"logical volume {group.name}/{volume.name}",
                {"lv_uuid": volume.lv_uuid, **_uuid(volume.filesystem)},
            )


def _uuid(filesystem: FilesystemPlan | None) -> dict[str, str | FilesystemPlan | None]:
    return {"fs_uuid": filesystem.uuid if filesystem else None, "filesystem": filesystem}


def _check_filesystem(where: str, filesystem: FilesystemPlan) -> None:
    if filesystem.fstype not in LABELS:
        raise DriverUnsupported(
            f"{where}: fstype {filesystem.fstype}; MAAS makes {', '.join(LABELS)}"
        )
    if len((filesystem.label or "").encode()) > LABELS[filesystem.fstype]:
        raise DriverUnsupported(
            f"{where}: fs_label {filesystem.label!r}; {filesystem.fstype} takes "
            f"{LABELS[filesystem.fstype]} bytes at most"
        )
    if filesystem.fstype != "swap" and not filesystem.mountpoint.startswith("/"):
        raise DriverUnsupported(
            f"{where}: mountpoint {filesystem.mountpoint!r} is no absolute path"
        )


def _size_of(plan: StoragePlan, entry: tuple[str, str] | None) -> int | None:
    if entry is None:
        return None
    sizes = {
        (disk.device.name, part.name): part.size_bytes
        for disk in plan.disks
        for part in disk.partitions
    }
    for group in plan.volume_groups:
        sizes |= {(group.name, volume.name): volume.size_bytes for volume in group.volumes}
    return sizes.get(entry)


def _has_esp(plan: StoragePlan) -> bool:
    return any(
        isinstance(entry["filesystem"], FilesystemPlan) and entry["filesystem"].mountpoint == ESP
        for _, entry in _entries(plan)
    )


# -- disks and groups


def _disk(node: str, disk: DiskPlan, device: Document, *, is_boot: bool, needs_esp: bool) -> Disk:
    name, number = disk.device.name, device["id"]
    if disk.volume_group and not is_boot:
        return Disk(number, name, group=disk.volume_group)
    capacity = max(0, device["size"] - TABLE) // UNIT * UNIT
    parts = []
    if needs_esp:
        mounted = FilesystemPlan("fat32", ESP, "defaults", label="efi")
        parts.append(Part("esp", number, ESP_SIZE, bootable=True, filesystem=mounted))
        capacity -= ESP_SIZE
    if disk.volume_group:
        # A machine does not start from a disk without partitions: one takes all of it.
        parts.append(Part(disk.volume_group, number, capacity, group=disk.volume_group))
        return Disk(number, name, tuple(parts))
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
    return Disk(number, name, tuple(parts))


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
    if root is not None and not root.bootable and _is_usual(root, "root"):
        return {"storage_layout": "flat", **fields, "root_size": root.size}
    return _lvm(layout, disk, fields) or {"storage_layout": "blank"}


def _lvm(layout: Layout, disk: Disk, fields: Mapping[str, str | int]) -> dict[str, str | int]:
    for group in layout.groups:
        members = [part for part in layout.parts() if part.group == group.name]
        whole = [other for other in layout.disks if other.group == group.name]
        if whole or len(members) != 1 or members[0] not in disk.parts or group.uuid:
            continue
        if members[0].uuid or members[0].bootable or members[0].size < LEAST_ROOT:
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
