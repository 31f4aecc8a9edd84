"""Effective hosts: completed fields and a hardware profile become a HostProfile or Node.

What hosts share stays shared: equal inherited fields are one object, however many nodes have
them. Source: contract, effective-design, sections 2.2, 3.1 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drydockd.design import kernel_params
from drydockd.design.documents.host import Layer
from drydockd.site import (
    Addressing,
    HardwareProfile,
    HostProfile,
    Interface,
    LogicalVolume,
    Node,
    Partition,
    Selector,
    StorageDevice,
    VolumeGroup,
)

Built = TypeVar("Built")
_NONE: Mapping[str, Any] = {}
_NO_TAGS: tuple[str, ...] = ()


class Hosts:
    """Builds hosts from completed fields; remembers what it built of the same objects."""

    def __init__(self) -> None:
        # By identity. The first value of each entry keeps its key's object alive.
        self._memo: dict[tuple[object, ...], tuple[object, Any]] = {}

    def profile(self, name: str, parent: str | None, layer: Layer, source: str) -> HostProfile:
        return HostProfile(name=name, parent_profile=parent, source=source, **self._common(layer))

    def node(
        self,
        name: str,
        parent: str | None,
        layer: Layer,
        hardware: HardwareProfile,
        addressing: tuple[Addressing, ...],
        boot_mac: str | None,
    ) -> tuple[Node, list[str]]:
        """Return the node and the problems of its kernel parameters."""
        common = self._common(layer, hardware)
        params, problems = self._params(layer.get("kernel_params"), hardware)
        common["kernel_params"] = params
        return Node(
            name=name,
            parent_profile=parent,
            source="compiled",
            addressing=addressing,
            boot_mac=boot_mac,
            hardware=hardware,
            **common,
        ), problems

    def _common(self, layer: Layer, hardware: HardwareProfile | None = None) -> dict[str, Any]:
        get = layer.get
        devices, groups = get("storage_devices"), get("volume_groups")
        interfaces = get("interfaces")
        return {
            "hardware_profile": get("hardware_profile"),
            "primary_network": get("primary_network"),
            "oob_type": get("oob_type"),
            "oob_parameters": get("oob_parameters", _NONE),
            "image": get("image"),
            "kernel": get("kernel"),
            "kernel_params": get("kernel_params", _NONE),
            "tags": get("tags", _NO_TAGS),
            "owner_data": get("owner_data", _NONE),
            "rack": get("rack"),
            "interfaces": self._once(
                lambda: tuple(_interface(k, v, hardware) for k, v in (interfaces or {}).items()),
                interfaces,
                hardware,
            ),
            "storage_devices": self._once(
                lambda: tuple(_device(k, v) for k, v in (devices or {}).items()), devices
            ),
            "volume_groups": self._once(
                lambda: _groups(groups or {}, devices or {}), groups, devices
            ),
        }

    def _params(
        self, params: Mapping[str, str | bool] | None, hardware: HardwareProfile
    ) -> tuple[Mapping[str, str | bool], list[str]]:
        if not params:
            return _NONE, []
        return self._once(lambda: kernel_params.resolve(params, hardware), params, hardware)

    def _once(self, build: Callable[[], Built], *parts: object) -> Built:
        key = (build.__code__, *map(id, parts))
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = (parts, build())
        result: Built = found[1]
        return result


def _interface(name: str, layer: Layer, hardware: HardwareProfile | None) -> Interface:
    slaves = layer.get("hardware_slaves", ())
    return Interface(
        device_name=name,
        network_link=layer.get("network_link"),
        hardware_slaves=slaves,
        networks=layer.get("networks", ()),
        sriov=bool(layer.get("sriov")),
        vf_count=layer.get("vf_count") or 0,
        trustedmode=bool(layer.get("trustedmode")),
        slave_selectors=() if hardware is None else _selectors(slaves, hardware),
    )


def _selectors(slaves: tuple[str, ...], hardware: HardwareProfile) -> tuple[Selector, ...]:
    pci = {alias.alias: alias for alias in hardware.devices if alias.bus_type == "pci"}
    return tuple(
        Selector("address", pci[slave].address, pci[slave].dev_type)
        if slave in pci
        else Selector("name", slave)
        for slave in slaves
    )


def _filesystem(layer: Layer) -> dict[str, Any]:
    """The defaults are given here, after the merge, and only where there is a filesystem."""
    formatted = layer.get("formatted")
    return {
        "mountpoint": layer.get("mountpoint"),
        "fstype": layer.get("fstype") or ("ext4" if formatted else None),
        "mount_options": layer.get("mount_options") or ("defaults" if formatted else None),
        "fs_uuid": layer.get("fs_uuid"),
        "fs_label": layer.get("fs_label"),
    }


def _device(name: str, layer: Layer) -> StorageDevice:
    return StorageDevice(
        name=name,
        labels=layer.get("labels"),
        volume_group=layer.get("volume_group"),
        partitions=tuple(
            Partition(
                name=key,
                size=entry.get("size"),
                bootable=bool(entry.get("bootable")),
                part_uuid=entry.get("part_uuid"),
                volume_group=entry.get("volume_group"),
                **_filesystem(entry),
            )
            for key, entry in layer.get("partitions", {}).items()
        ),
    )


def _groups(groups: Mapping[str, Layer], devices: Mapping[str, Layer]) -> tuple[VolumeGroup, ...]:
    physical: dict[str, list[tuple[str, str | None]]] = {}
    for device, disk in devices.items():
        if disk.get("volume_group"):
            physical.setdefault(disk["volume_group"], []).append((device, None))
    for device, disk in devices.items():
        for name, partition in disk.get("partitions", {}).items():
            if partition.get("volume_group"):
                physical.setdefault(partition["volume_group"], []).append((device, name))
    return tuple(
        VolumeGroup(
            name=name,
            vg_uuid=group.get("vg_uuid"),
            logical_volumes=tuple(
                LogicalVolume(
                    name=key,
                    size=entry.get("size"),
                    lv_uuid=entry.get("lv_uuid"),
                    **_filesystem(entry),
                )
                for key, entry in group.get("logical_volumes", {}).items()
            ),
            physical_volumes=tuple(physical.get(name, ())),
        )
        for name, group in groups.items()
    )
