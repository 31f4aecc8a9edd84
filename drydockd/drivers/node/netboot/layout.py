"""Partitions, volumes and file systems of one machine, placed to the MiB. Pure.

The boot disk also gets partition 14, GRUB's own of 1 MiB, and 15, an EFI system partition, both
whatever the firmware, so that the machine starts either way; `BOOT_RESERVE` is what they and the
partition table take, and what the core has left out of every size of that disk.
Source: contract, netboot, sections 5 and 6.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping

from drydockd.drivers.node.netboot.installplan import (
    DiskEntry,
    DiskIdentity,
    FilesystemEntry,
    GroupEntry,
    PartitionEntry,
    Place,
    StorageLayout,
    VolumeEntry,
)
from drydockd.errors import DriverUnsupported
from drydockd.plans import DiskPlan, FilesystemPlan, StoragePlan, VolumeGroupPlan

MIB = 1024 * 1024
EXTENT = 4 * MIB
BIOS_NUMBER, ESP_NUMBER = 14, 15
BIOS_MIB, ESP_MIB = 1, 512
# The table at either end of a GPT disk, a MiB each for the alignment.
TABLE_MIB = 1
BOOT_RESERVE = 516 * MIB
# GPT has room for 128; two numbers are ours.
MOST_PARTITIONS = BIOS_NUMBER - 1
# File system -> the longest label it takes, in bytes.
LABELS = {"ext4": 16, "ext3": 16, "ext2": 16, "xfs": 12, "btrfs": 255, "vfat": 11}
KINDS = tuple(LABELS)
# What the whole name of a GPT partition may be, in UTF-16 units.
NAME_UNITS = 36
NAMESPACE = uuid.UUID("6b0c5a38-6f0e-4f5c-9f55-3d0b3f5bb0f1")
ESP_MOUNT = "/boot/efi"


def layout(plan: StoragePlan, deployment_id: str) -> StorageLayout:
    """Return what the agent writes. Raises DriverUnsupported naming device, entry and value."""
    boot_disk = boot_disk_of(plan)
    disks = tuple(_disk(disk, is_boot=index == boot_disk) for index, disk in enumerate(plan.disks))
    places = {disk.device.name: index for index, disk in enumerate(plan.disks)}
    groups = tuple(_group(group, plan, places) for group in plan.volume_groups)
    filesystems = (*_filesystems(plan, deployment_id), _esp(boot_disk, deployment_id))
    _check_mounts(filesystems)
    return StorageLayout(disks, groups, filesystems, boot_disk)


def boot_disk_of(plan: StoragePlan) -> int:
    """Return the index of the disk that holds ``/boot``, or else ``/``; of a volume group, the
    disk of its first physical volume. Raises DriverUnsupported without a root."""
    entry = plan.boot or plan.root
    if entry is None:
        raise DriverUnsupported("storage: nothing is mounted at /")
    container = entry[0]
    for group in plan.volume_groups:
        if group.name == container:
            container = group.physical_volumes[0].partition("/")[0]
    for index, disk in enumerate(plan.disks):
        if disk.device.name == container:
            return index
    raise DriverUnsupported(f"storage: {container} holds {entry[1]} and is no disk of the plan")


def _disk(disk: DiskPlan, *, is_boot: bool) -> DiskEntry:
    name = disk.device.name
    if is_boot and disk.volume_group:
        raise DriverUnsupported(
            f"storage: disk {name} is a physical volume as a whole and is to be started from; "
            "give it partitions, one of them with the volume_group"
        )
    identity = DiskIdentity(name, disk.device.serial, disk.device.wwn, disk.device.bus_address)
    if disk.volume_group:
        return DiskEntry(identity, disk.size_bytes)
    if len(disk.partitions) > MOST_PARTITIONS:
        raise DriverUnsupported(
            f"storage: disk {name} has {len(disk.partitions)} partitions, "
            f"netboot makes {MOST_PARTITIONS} at most"
        )
    entries = list(_boot_partitions()) if is_boot else []
    start = TABLE_MIB + sum(entry.size_mib for entry in entries)
    for number, partition in enumerate(disk.partitions, start=1):
        size = partition.size_bytes // MIB
        where = f"storage: partition {name}/{partition.name}"
        if not size:
            raise DriverUnsupported(f"{where}: {partition.size_bytes} bytes are less than a MiB")
        if len(partition.name.encode("utf-16-le")) // 2 > NAME_UNITS:
            raise DriverUnsupported(f"{where}: a GPT name has {NAME_UNITS} characters at most")
        use = "lvm" if partition.volume_group else "linux"
        entries.append(
            PartitionEntry(number, partition.name, use, start, size, partition.part_uuid)
        )
        start += size
    if (start + TABLE_MIB) * MIB > disk.size_bytes:
        raise DriverUnsupported(
            f"storage: the partitions of disk {name} need {start + TABLE_MIB} MiB with the "
            f"partition table, it has {disk.size_bytes // MIB}"
        )
    return DiskEntry(identity, disk.size_bytes, tuple(entries))


def _boot_partitions() -> Iterator[PartitionEntry]:
    yield PartitionEntry(BIOS_NUMBER, "bios", "bios", TABLE_MIB, BIOS_MIB)
    yield PartitionEntry(ESP_NUMBER, "esp", "esp", TABLE_MIB + BIOS_MIB, ESP_MIB)


def _group(group: VolumeGroupPlan, plan: StoragePlan, places: Mapping[str, int]) -> GroupEntry:
    volumes = tuple(
        VolumeEntry(volume.name, -(-volume.size_bytes // EXTENT), volume.lv_uuid)
        for volume in group.volumes
    )
    members = tuple(_member(name, plan, places) for name in group.physical_volumes)
    return GroupEntry(group.name, members, volumes, group.vg_uuid)


def _member(name: str, plan: StoragePlan, places: Mapping[str, int]) -> Place:
    """The place of a physical volume, named ``disk`` or ``disk/partition``."""
    device, _, partition = name.partition("/")
    disk = places[device]
    return Place(disk, _number(plan.disks[disk], partition) if partition else None)


def _number(disk: DiskPlan, partition: str) -> int:
    return [entry.name for entry in disk.partitions].index(partition) + 1


def _filesystems(plan: StoragePlan, deployment_id: str) -> Iterator[FilesystemEntry]:
    for index, disk in enumerate(plan.disks):
        for number, partition in enumerate(disk.partitions, start=1):
            if partition.filesystem:
                where = f"{disk.device.name}/{partition.name}"
                yield _filesystem(Place(index, number), partition.filesystem, where, deployment_id)
    for group in plan.volume_groups:
        for volume in group.volumes:
            if volume.filesystem:
                place = Place(group=group.name, volume=volume.name)
                where = f"{group.name}/{volume.name}"
                yield _filesystem(place, volume.filesystem, where, deployment_id)


def _filesystem(
    place: Place, wanted: FilesystemPlan, where: str, deployment_id: str
) -> FilesystemEntry:
    if wanted.fstype not in KINDS:
        raise DriverUnsupported(
            f"storage: {where}: fstype {wanted.fstype}; netboot makes {', '.join(KINDS)}"
        )
    if len((wanted.label or "").encode()) > LABELS[wanted.fstype]:
        raise DriverUnsupported(
            f"storage: {where}: fs_label {wanted.label!r}; {wanted.fstype} takes "
            f"{LABELS[wanted.fstype]} bytes at most"
        )
    uuid_text = wanted.uuid or _made_uuid(wanted.fstype, deployment_id, where)
    return FilesystemEntry(
        place, wanted.fstype, uuid_text, wanted.mountpoint, wanted.options, wanted.label
    )


def _esp(boot_disk: int, deployment_id: str) -> FilesystemEntry:
    place = Place(boot_disk, ESP_NUMBER)
    made = _made_uuid("vfat", deployment_id, ESP_MOUNT)
    return FilesystemEntry(place, "vfat", made, ESP_MOUNT, "umask=0077", "ESP")


def _made_uuid(kind: str, deployment_id: str, where: str) -> str:
    """A UUID of our own, the same each time it is asked for; FAT has a volume id of 32 bits."""
    made = uuid.uuid5(NAMESPACE, f"{deployment_id}/{where}")
    if kind == "vfat":
        digits = made.hex[:8].upper()
        return f"{digits[:4]}-{digits[4:]}"
    return str(made)


def _check_mounts(filesystems: tuple[FilesystemEntry, ...]) -> None:
    seen: set[str] = set()
    for filesystem in filesystems:
        path = filesystem.mountpoint
        if not path.startswith("/") or ".." in path.split("/") or any(c in path for c in "\n\0"):
            raise DriverUnsupported(f"storage: mountpoint {path!r} is no absolute path")
        if path in seen:
            raise DriverUnsupported(f"storage: two file systems are mounted at {path}")
        seen.add(path)
