"""What is asked of a node provisioner for one node: plans computed by the core. Pure data.

Identical for every backend; computed by `design.plans` from the Site and the node's
inventory. Source: contract, node-provisioner, sections 1 and 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# What a backend may be able to do, by name. Source: contract, node-provisioner, section 5.
FEATURES = frozenset(
    {
        "bond.802.3ad",
        "bond.active-backup",
        "bond.balance-rr",
        "vlan",
        "sriov",
        "lvm.root",
        "storage.boot_on_other_disk",
        "fs.label",
        "fs.uuid",
        "part.uuid",
        "boot.uefi",
        "boot.bios",
        "dhcp.relay",
        "repo.apt",
        "repo.rpm",
        "wipe.quick",
        "wipe.full",
    }
)


@dataclass(frozen=True, slots=True)
class DeviceName:
    """How a backend finds a device: OS name as lshw gave it, and what identifies it."""

    name: str
    mac: str | None = None
    serial: str | None = None
    bus_address: str | None = None
    wwn: str | None = None


@dataclass(frozen=True, slots=True)
class AddressPlan:
    """`mode` is ``static`` (`address` is then text like ``10.1.2.7/24``), ``dhcp``, ``none``."""

    mode: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class RoutePlan:
    subnet: str
    gateway: str
    metric: int


@dataclass(frozen=True, slots=True)
class NetworkAddress:
    """The address of the node on one more network of a VLAN."""

    network: str
    address: AddressPlan


@dataclass(frozen=True, slots=True)
class VlanPlan:
    """One VLAN device. A dual stack is one VLAN: `network` has the first address, `beside` those
    of the networks of the other family; `routes` are of all of them."""

    network: str
    vlan_id: int
    parent: str
    mtu: int | None
    address: AddressPlan
    routes: tuple[RoutePlan, ...] = ()
    beside: tuple[NetworkAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class BondPlan:
    mode: str
    xmit_hash: str | None
    peer_rate: str | None
    mon_rate: int | None
    up_delay: int | None
    down_delay: int | None


@dataclass(frozen=True, slots=True)
class InterfacePlan:
    """One configured link of the node: a bond of `devices`, or the single NIC in it.

    `linkspeed` is the text of the design; ``auto`` is what the NIC and its switch agree on.
    """

    name: str
    link: str
    devices: tuple[DeviceName, ...]
    bond: BondPlan | None
    mtu: int
    native_network: str | None
    address: AddressPlan
    routes: tuple[RoutePlan, ...] = ()
    vlans: tuple[VlanPlan, ...] = ()
    sriov: bool = False
    vf_count: int = 0
    trustedmode: bool = False
    linkspeed: str = "auto"


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """`default_gateways`: at most one per address family, that of the primary network first."""

    interfaces: tuple[InterfacePlan, ...]
    default_gateways: tuple[str, ...]
    dns_servers: tuple[str, ...]
    search_domain: str


@dataclass(frozen=True, slots=True)
class FilesystemPlan:
    fstype: str
    mountpoint: str
    options: str
    uuid: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class PartitionPlan:
    name: str
    size_bytes: int
    bootable: bool = False
    part_uuid: str | None = None
    filesystem: FilesystemPlan | None = None
    volume_group: str | None = None


@dataclass(frozen=True, slots=True)
class DiskPlan:
    device: DeviceName
    size_bytes: int
    partitions: tuple[PartitionPlan, ...] = ()
    volume_group: str | None = None


@dataclass(frozen=True, slots=True)
class LogicalVolumePlan:
    name: str
    size_bytes: int
    lv_uuid: str | None = None
    filesystem: FilesystemPlan | None = None


@dataclass(frozen=True, slots=True)
class VolumeGroupPlan:
    """`physical_volumes` are device names or ``device/partition``."""

    name: str
    physical_volumes: tuple[str, ...]
    volumes: tuple[LogicalVolumePlan, ...]
    vg_uuid: str | None = None


@dataclass(frozen=True, slots=True)
class StoragePlan:
    """`root` and `boot` are (container, entry); `layout` is ``flat`` or ``lvm``."""

    disks: tuple[DiskPlan, ...]
    volume_groups: tuple[VolumeGroupPlan, ...] = ()
    root: tuple[str, str] | None = None
    boot: tuple[str, str] | None = None
    layout: str = "flat"


@dataclass(frozen=True, slots=True)
class PlatformPlan:
    """`kernel_params` is the one line of effective-design, section 4; `tag` its name."""

    image: str | None
    kernel: str | None
    kernel_params: str
    tag: str
    static_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BootDelivery:
    """What a deploying node needs to fetch its boot data; never logged."""

    key: str = field(repr=False)
    base_url: str = ""
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class DeploySpec:
    """One deployment. `deployment_id` lets a backend tell this one from an earlier one."""

    deployment_id: str
    image: str | None
    kernel: str | None
    domain: str
    packages: Mapping[str, str | None] = field(default_factory=dict)
    boot: BootDelivery | None = None
    owner_data: Mapping[str, str] = field(default_factory=dict)
    authorized_keys: tuple[str, ...] = ()
