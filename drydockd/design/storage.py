"""Walking the storage of a node: its volumes, mountpoints and physical volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from drydockd.site import HostProfile, LogicalVolume, Partition

Verdicts = TypeVar("Verdicts")


def volumes(profile: HostProfile) -> Iterator[tuple[str, Partition | LogicalVolume]]:
    """Every (container, entry): logical volumes in group order, then partitions in device order."""
    for group in profile.volume_groups:
        for volume in group.logical_volumes:
            yield group.name, volume
    for device in profile.storage_devices:
        for partition in device.partitions:
            yield device.name, partition


def mountpoint_of(entry: Partition | LogicalVolume) -> str | None:
    """The mountpoint without trailing slashes (``/`` stays), None if the entry has none."""
    if not entry.mountpoint:
        return None
    return entry.mountpoint.rstrip("/") or "/"


def mounted_at(profile: HostProfile, mountpoint: str) -> tuple[str, str] | None:
    """(container, entry) mounted at `mountpoint`: the first of `volumes`."""
    for container, entry in volumes(profile):
        if mountpoint_of(entry) == mountpoint:
            return container, entry.name
    return None


def physical_volumes(profile: HostProfile) -> dict[str, list[tuple[str, str | None]]]:
    """Volume group -> its physical volumes as (device, partition or None): whole devices first.

    A group may exist only by being named here. Source: contract, effective-design, section 5.
    """
    found: dict[str, list[tuple[str, str | None]]] = {}
    for device in profile.storage_devices:
        if device.volume_group:
            found.setdefault(device.volume_group, []).append((device.name, None))
    for device in profile.storage_devices:
        for partition in device.partitions:
            if partition.volume_group:
                found.setdefault(partition.volume_group, []).append((device.name, partition.name))
    return found


def once_per_layout(judge: Callable[[HostProfile], Verdicts]) -> Callable[[HostProfile], Verdicts]:
    """Return `judge`, asked once for all nodes that share their storage with a profile.

    Nodes without storage of their own hold the very tuples of their profile. The answers are
    kept as long as the returned function, which must not outlive the Site.
    """
    answers: dict[tuple[int, int], Verdicts] = {}

    def ask(profile: HostProfile) -> Verdicts:
        layout = (id(profile.storage_devices), id(profile.volume_groups))
        if layout not in answers:
            answers[layout] = judge(profile)
        return answers[layout]

    return ask
