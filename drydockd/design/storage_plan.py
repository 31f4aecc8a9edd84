"""What a node's disks must look like, in bytes, computed from the site and its inventory.

Source: contract, node-provisioner, section 4, and effective-design, section 8.
"""

from __future__ import annotations

from drydockd.design.inventory import Hardware, device_name
from drydockd.design.sizes import resolve
from drydockd.design.storage import mounted_at, physical_volumes
from drydockd.errors import InvalidDesign
from drydockd.plans import (
    DiskPlan,
    FilesystemPlan,
    LogicalVolumePlan,
    PartitionPlan,
    StoragePlan,
    VolumeGroupPlan,
)
from drydockd.site import LogicalVolume, Node, Partition, Site, StorageDevice

MIB = 1024 * 1024
# Partitions start at multiples of this (parted, sfdisk, curtin).
PARTITION_ALIGNMENT = MIB
# lvm2's defaults: a physical volume gives whole extents, and keeps 1 MiB for its metadata.
EXTENT = 4 * MIB
METADATA = MIB


def storage_plan(
    site: Site, node: Node, hardware: Hardware, *, boot_reserve: int = 0
) -> StoragePlan:
    """Return the disks and volume groups of one node; devices without a use stay untouched.

    `boot_reserve` are the bytes that the provisioner needs for itself on the disk the machine
    starts from: no size of that disk, in bytes or percent, counts with them.

    Raises InvalidDesign naming field and value when the design is contradictory, when a device
    is not in the inventory and when something does not fit, before anything was done to the node.
    """
    root = mounted_at(node, "/")
    if root is None:
        raise InvalidDesign(f"node {node.name}: storage: nothing is mounted at /")
    disks = _disk_plans(node, hardware, boot_reserve)
    groups = _group_plans(node, disks)
    layout = "lvm" if root[0] in groups else "flat"
    if layout == "lvm" and len(groups[root[0]].physical_volumes) != 1:
        raise InvalidDesign(
            f"node {node.name}: volume group {root[0]} holds / and must have exactly one "
            f"physical volume, but has {', '.join(groups[root[0]].physical_volumes)}"
        )
    return StoragePlan(
        disks=tuple(disks.values()),
        volume_groups=tuple(groups.values()),
        root=_placed(root, disks, groups),
        boot=_placed(mounted_at(node, "/boot"), disks, groups),
        layout=layout,
    )


def _placed(
    entry: tuple[str, str] | None,
    disks: dict[str, DiskPlan],
    groups: dict[str, VolumeGroupPlan],
) -> tuple[str, str] | None:
    """Name the container of an entry as the plan does: disks by their OS name."""
    if entry is None or entry[0] in groups:
        return entry
    return disks[entry[0]].device.name, entry[1]


def boot_device(node: Node) -> str | None:
    """Return the design's name of the device that holds ``/boot``, or else ``/``; of a volume
    group, that of its first physical volume. None: nothing is mounted at ``/``."""
    entry = mounted_at(node, "/boot") or mounted_at(node, "/")
    if entry is None:
        return None
    members = physical_volumes(node).get(entry[0])
    return members[0][0] if members else entry[0]


def _disk_plans(node: Node, hardware: Hardware, boot_reserve: int) -> dict[str, DiskPlan]:
    """The disk of every device of the design that has a use, by the design's name for it."""
    disks: dict[str, DiskPlan] = {}
    boot = boot_device(node)
    for device in node.storage_devices:
        if device.partitions and device.volume_group:
            raise _invalid(node, device, "has both partitions and a volume_group")
        if device.partitions or device.volume_group:
            reserve = boot_reserve if device.name == boot else 0
            plan = _disk_plan(node, device, hardware, reserve)
            for other, earlier in disks.items():
                if earlier.device.name == plan.device.name:
                    raise _invalid(node, device, f"is {plan.device.name}, and so is {other}")
            disks[device.name] = plan
    return disks


def _disk_plan(node: Node, device: StorageDevice, hardware: Hardware, reserve: int) -> DiskPlan:
    found = hardware.disk(device.name)
    if found is None:
        known = ", ".join(hardware.disk_names) or "none"
        raise _invalid(
            node, device, f"{hardware.name_of(device.name)} is not in the inventory ({known})"
        )
    if not found.size_bytes:
        raise _invalid(node, device, "the inventory does not tell its size")
    # A path such as disk/by-id/... is no name that the operating system uses.
    name = found.names[0] if "/" in device.name else hardware.name_of(device.name)
    return DiskPlan(
        device=device_name(found, name),
        size_bytes=found.size_bytes,
        partitions=_partition_plans(node, device, max(0, found.size_bytes - reserve)),
        volume_group=device.volume_group,
    )


def _partition_plans(node: Node, device: StorageDevice, total: int) -> tuple[PartitionPlan, ...]:
    plans, available = [], total
    for partition in device.partitions:
        filesystem = _filesystem(partition)
        if partition.volume_group and filesystem:
            raise _invalid(
                node, device, f"partition {partition.name} has a filesystem and a volume_group"
            )
        size = _size(node, device.name, partition, total, available)
        available -= _rounded_up(size, PARTITION_ALIGNMENT)
        plans.append(
            PartitionPlan(
                name=partition.name,
                size_bytes=size,
                bootable=partition.bootable,
                part_uuid=partition.part_uuid,
                filesystem=filesystem,
                volume_group=partition.volume_group,
            )
        )
    return tuple(plans)


def _group_plans(node: Node, disks: dict[str, DiskPlan]) -> dict[str, VolumeGroupPlan]:
    """Every volume group that is defined, or implied by a physical volume that names it."""
    assigned = physical_volumes(node)
    defined = {group.name: group for group in node.volume_groups}
    groups = {}
    for name in dict.fromkeys([*defined, *assigned]):
        if name not in assigned:
            raise InvalidDesign(f"node {node.name}: volume group {name} has no physical volume")
        names, total = [], 0
        for device, partition in assigned[name]:
            disk = disks[device]
            names.append(
                disk.device.name if partition is None else f"{disk.device.name}/{partition}"
            )
            total += _extents(_bytes_of(disk, partition))
        group = defined.get(name)
        groups[name] = VolumeGroupPlan(
            name=name,
            physical_volumes=tuple(names),
            volumes=_volume_plans(node, name, group.logical_volumes, total) if group else (),
            vg_uuid=group.vg_uuid if group else None,
        )
    return groups


def _bytes_of(disk: DiskPlan, partition: str | None) -> int:
    if partition is None:
        return disk.size_bytes
    return next(plan.size_bytes for plan in disk.partitions if plan.name == partition)


def _volume_plans(
    node: Node, group: str, volumes: tuple[LogicalVolume, ...], total: int
) -> tuple[LogicalVolumePlan, ...]:
    plans, available = [], total
    for volume in volumes:
        size = _size(node, group, volume, total, available)
        available -= _rounded_up(size, EXTENT)
        plans.append(LogicalVolumePlan(volume.name, size, volume.lv_uuid, _filesystem(volume)))
    return tuple(plans)


def _size(
    node: Node, container: str, entry: Partition | LogicalVolume, total: int, available: int
) -> int:
    where = f"node {node.name}: {container}/{entry.name}: size"
    if entry.size is None:
        raise InvalidDesign(f"{where} is missing")
    try:
        return resolve(entry.size, total, max(0, available))
    except InvalidDesign as error:
        raise InvalidDesign(f"{where} {entry.size}: {error}") from error


def _extents(size_bytes: int) -> int:
    """What a physical volume of `size_bytes` gives to its group."""
    return max(0, size_bytes - METADATA) // EXTENT * EXTENT


def _rounded_up(size_bytes: int, unit: int) -> int:
    return -(-size_bytes // unit) * unit


def _filesystem(entry: Partition | LogicalVolume) -> FilesystemPlan | None:
    """None without a mountpoint: the entry is left raw, neither formatted nor mounted."""
    if not entry.mountpoint:
        return None
    return FilesystemPlan(
        fstype=entry.fstype or "ext4",
        mountpoint=entry.mountpoint,
        options=entry.mount_options or "defaults",
        uuid=entry.fs_uuid,
        label=entry.fs_label,
    )


def _invalid(node: Node, device: StorageDevice, problem: str) -> InvalidDesign:
    return InvalidDesign(f"node {node.name}: storage device {device.name}: {problem}")
