"""Every device and partition has exactly one use, every volume group something to live on."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.design.storage import once_per_layout, physical_volumes
from drydockd.site import HostProfile, Partition, Site, StorageDevice

ORDER, CODE, NAME = 100, "DD2002", "Storage Partitioning"


def check(site: Site) -> Iterator[Verdict]:
    judge = once_per_layout(_judge)
    for node in site.nodes.values():
        for text, hint in judge(node):
            yield error(f"{text} on node {node.name}.", hint, node.ref)


def _judge(profile: HostProfile) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for device in profile.storage_devices:
        found += _judge_device(device)
        for partition in device.partitions:
            if partition.volume_group and _has_filesystem(partition):
                found.append(
                    (
                        f"partition {partition.name} of device {device.name} has both a "
                        f"filesystem and volume group {partition.volume_group}",
                        "Remove the partition's filesystem or its volume_group.",
                    )
                )
    assigned = physical_volumes(profile)
    for group in profile.volume_groups:
        if group.name not in assigned:
            found.append(
                (
                    f"volume group {group.name} has no physical volume",
                    f"Set volume_group: {group.name} on a device or partition of this node.",
                )
            )
    return found


def _judge_device(device: StorageDevice) -> list[tuple[str, str]]:
    if device.partitions and device.volume_group:
        return [
            (
                f"device {device.name} has both partitions and volume group {device.volume_group}",
                "Remove the device's partitions or its volume_group.",
            )
        ]
    if not device.partitions and not device.volume_group:
        return [
            (
                f"device {device.name} has neither partitions nor a volume group",
                "Give the device partitions or a volume_group, or leave it out.",
            )
        ]
    return []


def _has_filesystem(partition: Partition) -> bool:
    written = (partition.mountpoint, partition.fstype, partition.mount_options)
    return any(written) or bool(partition.fs_uuid or partition.fs_label)
