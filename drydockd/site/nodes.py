"""Host profiles and nodes: interfaces, storage, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.site.findings import DocumentRef
from drydockd.site.hardware import HardwareProfile


@dataclass(frozen=True, slots=True)
class Selector:
    """How to find a NIC: by bus address (`selector_type` ``address``) or by ``name``."""

    selector_type: str
    address: str
    device_type: str | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    device_name: str
    network_link: str | None = None
    hardware_slaves: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    sriov: bool = False
    vf_count: int = 0
    trustedmode: bool = False
    slave_selectors: tuple[Selector, ...] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """`size` is the text of the document; `design.sizes` reads it."""

    name: str
    size: str | None = None
    bootable: bool = False
    part_uuid: str | None = None
    volume_group: str | None = None
    mountpoint: str | None = None
    fstype: str | None = None
    mount_options: str | None = None
    fs_uuid: str | None = None
    fs_label: str | None = None


@dataclass(frozen=True, slots=True)
class StorageDevice:
    name: str
    labels: Mapping[str, str] | None = None
    volume_group: str | None = None
    partitions: tuple[Partition, ...] = ()


@dataclass(frozen=True, slots=True)
class LogicalVolume:
    name: str
    size: str | None = None
    lv_uuid: str | None = None
    mountpoint: str | None = None
    fstype: str | None = None
    mount_options: str | None = None
    fs_uuid: str | None = None
    fs_label: str | None = None


@dataclass(frozen=True, slots=True)
class VolumeGroup:
    """`physical_volumes` are ``(device, partition or None)`` in document order."""

    name: str
    vg_uuid: str | None = None
    logical_volumes: tuple[LogicalVolume, ...] = ()
    physical_volumes: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class HostProfile:
    """The fields a HostProfile and a BaremetalNode share. `source`: designed or compiled."""

    name: str
    parent_profile: str | None = None
    hardware_profile: str | None = None
    primary_network: str | None = None
    oob_type: str | None = None
    oob_parameters: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    kernel: str | None = None
    kernel_params: Mapping[str, str | bool] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    owner_data: Mapping[str, str] = field(default_factory=dict)
    rack: str | None = None
    interfaces: tuple[Interface, ...] = ()
    storage_devices: tuple[StorageDevice, ...] = ()
    volume_groups: tuple[VolumeGroup, ...] = ()
    source: str = "designed"

    @property
    def schema(self) -> str:
        return "drydock/HostProfile/v1"


@dataclass(frozen=True, slots=True)
class Addressing:
    """`type` is ``static`` or ``dhcp``; `address` is None for dhcp."""

    network: str
    type: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Node(HostProfile):
    """One effective BaremetalNode; `name` is the host name.

    `hardware` is the profile that `hardware_profile` names, for those who see a node without
    its site (drivers: boot mode, device aliases); None where nobody filled it in.
    """

    addressing: tuple[Addressing, ...] = ()
    boot_mac: str | None = None
    hardware: HardwareProfile | None = None

    @property
    def schema(self) -> str:
        return "drydock/BaremetalNode/v1"

    @property
    def ref(self) -> DocumentRef:
        return DocumentRef("drydock/BaremetalNode/v1", self.name)

    def address_on(self, network: str | None) -> str | None:
        """The static address on `network`: that of the first entry naming it, None for dhcp."""
        for entry in self.addressing:
            if entry.network == network:
                return entry.address
        return None

    @property
    def oob_address(self) -> str | None:
        """The BMC's address: this node's own on the network `oob.network`."""
        return self.address_on(self.oob_parameters.get("network"))

    def block_device(self, mountpoint: str) -> tuple[str, str] | None:
        """Return (container, entry) mounted there: logical volumes first, then partitions."""
        for group in self.volume_groups:
            for volume in group.logical_volumes:
                if volume.mountpoint == mountpoint:
                    return group.name, volume.name
        for device in self.storage_devices:
            for partition in device.partitions:
                if partition.mountpoint == mountpoint:
                    return device.name, partition.name
        return None
