"""The effective design: what a site is once its documents were read and inherited. Pure data.

Immutable and shared between requests; nobody changes a Site, `design` makes a new one.
Lists are tuples in document order, maps are plain dicts that nobody writes to.
Field names are the model names of contract, design, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


@dataclass(frozen=True, slots=True)
class NodeFilterTerm:
    """One filter of a set; None = criterion not used."""

    filter_type: str
    node_names: tuple[str, ...] | None = None
    node_tags: tuple[str, ...] | None = None
    node_labels: Mapping[str, str] | None = None
    rack_names: tuple[str, ...] | None = None
    rack_labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """A checked node filter; contract, tasks, section 8. Parsed by `design.nodefilter`."""

    filter_set_type: str
    filter_set: tuple[NodeFilterTerm, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """Which document a finding is about: ``drydock/<Kind>/v1`` and its name."""

    schema: str
    name: str


class Level(StrEnum):
    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One validation message; contract, validation, section 2.

    `code` such as ``DD2005``; `message` whole, rule findings with their ``<rule name>: ``
    prefix; `diagnostic` says what would be right; `line` is 1-based in the stream, 0 unknown.
    """

    code: str
    level: Level
    message: str
    diagnostic: str = ""
    documents: tuple[DocumentRef, ...] = ()
    ts: str = ""
    line: int = 0

    @property
    def error(self) -> bool:
        return self.level is Level.ERROR


class NoteKind(StrEnum):
    """What a reader can notice that the design no longer shows once it is read."""

    MISREAD_WORD = "misread word"
    MISSPELT_SCHEMA = "misspelt schema"
    DUPLICATE_KEY = "duplicate key"
    UNKNOWN_KEY = "unknown key"


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader noticed in a document; a rule says it. `line` as in `Finding`."""

    kind: NoteKind
    text: str
    hint: str
    documents: tuple[DocumentRef, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class TagDefinition:
    tag: str
    type: str
    definition: str


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    url: str
    repo_type: str
    distributions: tuple[str, ...] | None = None
    subrepos: tuple[str, ...] | None = None
    components: tuple[str, ...] | None = None
    gpgkey: str | None = None
    arches: tuple[str, ...] = ("amd64",)
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """The one site definition."""

    name: str
    tag_definitions: tuple[TagDefinition, ...] = ()
    authorized_keys: tuple[str, ...] = ()
    repositories: tuple[Repository, ...] = ()
    remove_unlisted: bool = False


@dataclass(frozen=True, slots=True)
class TorSwitch:
    switch_name: str
    mgmt_ip: str | None = None
    sdn_api_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Rack:
    name: str
    tor_switches: tuple[TorSwitch, ...] = ()
    location: Mapping[str, object] = field(default_factory=dict)
    local_networks: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkLink:
    """`written` keeps the bonding options as the document had them, for rule DD1006."""

    name: str
    allowed_networks: tuple[str, ...] = ()
    bonding_mode: str = "disabled"
    bonding_xmit_hash: str | None = None
    bonding_peer_rate: str | None = None
    bonding_mon_rate: int | None = None
    bonding_up_delay: int | None = None
    bonding_down_delay: int | None = None
    mtu: int = 1500
    linkspeed: str = "auto"
    trunk_mode: str = "disabled"
    native_network: str | None = None
    metalabels: Mapping[str, str | None] = field(default_factory=dict)
    written: Mapping[str, object] = field(default_factory=dict)

    @property
    def ref(self) -> DocumentRef:
        return DocumentRef("drydock/NetworkLink/v1", self.name)


@dataclass(frozen=True, slots=True)
class AddressRange:
    type: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Route:
    """`rendered` marks a route that came from a route domain, not from the document."""

    subnet: str | None
    gateway: str | None
    metric: int | None = None
    routedomain: str | None = None
    rendered: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    name: str
    cidr: str
    vlan_id: str | None = None
    mtu: int | None = None
    routedomain: str | None = None
    ranges: tuple[AddressRange, ...] = ()
    dns_domain: str | None = "local"
    dns_servers: str | None = None
    dhcp_relay_self_ip: str | None = None
    dhcp_relay_upstream_target: str | None = None
    routes: tuple[Route, ...] = ()
    metalabels: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def ref(self) -> DocumentRef:
        return DocumentRef("drydock/Network/v1", self.name)

    @property
    def default_gateway(self) -> str | None:
        """Gateway of the first route to everywhere, if any."""
        for route in self.routes:
            if route.subnet in ("0.0.0.0/0", "::/0"):
                return route.gateway
        return None


# Begins the address of a device alias that is a regular expression.
PATTERN = "regexp:"


@dataclass(frozen=True, slots=True)
class DeviceAlias:
    alias: str
    address: str
    bus_type: str
    dev_type: str | None = None


@dataclass(frozen=True, slots=True)
class HugepagesConf:
    name: str
    size: str
    count: int


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    name: str
    vendor: str | None = None
    generation: str | None = None
    hw_version: str | None = None
    bios_version: str | None = None
    boot_mode: str | None = None
    bootstrap_protocol: str | None = None
    pxe_interface: str | None = None
    devices: tuple[DeviceAlias, ...] = ()
    cpu_sets: Mapping[str, str] = field(default_factory=dict)
    hugepages_confs: tuple[HugepagesConf, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of a boot action. `permissions` is the numeric mode (0o555), None if absent."""

    type: str
    path: str | None = None
    location: str | None = None
    data: str | None = None
    package_list: Mapping[str, str | None] | None = None
    location_pipeline: tuple[str, ...] = ()
    data_pipeline: tuple[str, ...] = ()
    permissions: int | None = None


@dataclass(frozen=True, slots=True)
class BootActionSpec:
    """A BootAction document; `target_nodes` are the names its filter selects, design order."""

    name: str
    signaling: bool = True
    assets: tuple[Asset, ...] = ()
    node_filter: NodeFilter | None = None
    target_nodes: tuple[str, ...] = ()

    @property
    def ref(self) -> DocumentRef:
        return DocumentRef("drydock/BootAction/v1", self.name)


@dataclass(frozen=True)
class Site:
    """One effective design. Collections are dicts by name in document order.

    `notes` is what reading it noticed, for the rules that say so.
    """

    region: Region | None = None
    racks: Mapping[str, Rack] = field(default_factory=dict)
    network_links: Mapping[str, NetworkLink] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    hardware_profiles: Mapping[str, HardwareProfile] = field(default_factory=dict)
    host_profiles: Mapping[str, HostProfile] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    bootactions: Mapping[str, BootActionSpec] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @cached_property
    def _actions_by_node(self) -> dict[str, tuple[BootActionSpec, ...]]:
        found: dict[str, list[BootActionSpec]] = {}
        for spec in self.bootactions.values():
            for name in spec.target_nodes:
                found.setdefault(name, []).append(spec)
        return {name: tuple(specs) for name, specs in found.items()}

    def bootactions_of(self, node: str) -> tuple[BootActionSpec, ...]:
        """The boot actions that target `node`, in document order."""
        return self._actions_by_node.get(node, ())

    def domain_of(self, node: Node) -> str:
        """DNS domain of the node's primary network, else ``local``."""
        network = self.networks.get(node.primary_network or "")
        return (network.dns_domain if network else None) or "local"

    def fqdn_of(self, node: Node) -> str:
        return f"{node.name}.{self.domain_of(node)}"

    def static_addresses(self) -> Iterator[tuple[Node, Addressing]]:
        """Every static address of every node, in design order."""
        for node in self.nodes.values():
            for entry in node.addressing:
                if entry.type == "static":
                    yield node, entry


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the node provisioner offers: image name -> kernel names. For rule DD3001.

    `failure` says why it could not be asked, or could not answer; `images` is then not used.
    """

    images: Mapping[str, tuple[str, ...]]
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Unrenderable:
    """An asset that cannot be rendered for a node; `text` names asset, cause and template line."""

    node: str
    bootaction: str
    text: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What rules are told besides the design.

    `catalogue` is None without a node provisioner. `oob_types` are those that the enabled OOB
    drivers answer for; None where nobody knows, as offline. `unrenderable` is what was found when
    every boot action was rendered on trial.
    """

    catalogue: Catalogue | None = None
    oob_types: tuple[str, ...] | None = None
    unrenderable: tuple[Unrenderable, ...] = ()
