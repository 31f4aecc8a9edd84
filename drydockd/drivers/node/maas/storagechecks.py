"""What of a storage plan MAAS cannot have, found before the first write. Pure.

Source: contract, maas, section 7, and maas-facts, rows 4 and 15.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from drydockd.errors import DriverUnsupported
from drydockd.plans import FilesystemPlan, StoragePlan

MIB = 1024 * 1024
LEAST_ROOT = 3 * 1024 * MIB
LEAST_BOOT = 512 * MIB
ESP = "/boot/efi"
# File system -> the longest label it takes, in bytes.
LABELS = {
    "ext2": 16,
    "ext4": 16,
    "xfs": 12,
    "btrfs": 255,
    "vfat": 11,
    "fat32": 11,
    "swap": 15,
}
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I)


def check(node: str, plan: StoragePlan) -> None:
    """Raises DriverUnsupported naming node, entry, field and value."""
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


def has_esp(plan: StoragePlan) -> bool:
    """Whether the design mounts an EFI system partition itself."""
    return any(
        isinstance(entry["filesystem"], FilesystemPlan) and entry["filesystem"].mountpoint == ESP
        for _, entry in _entries(plan)
    )
