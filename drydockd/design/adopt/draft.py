"""The documents of what was seen, beside those that a design has already."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from drydockd.design.adopt.classes import (
    SMALLEST_BOOT_DISK,
    HardwareClass,
    Wire,
    Wiring,
    digest,
    disk_to_install_on,
    hardware_class,
    slug,
    wiring_of,
)
from drydockd.design.adopt.machine import Machine, natural
from drydockd.design.adopt.platform import platform_of
from drydockd.site import Catalogue, Network, Node, Site

# RFC 2544: nobody's addresses; every VLAN has a /27 of them until somebody writes the real ones.
_PLACEHOLDERS = IPv4Address("198.18.0.0")
FILL_IN = "FILL-IN"
REGION = "adopted"
KINDS = (
    "Region",
    "Rack",
    "NetworkLink",
    "Network",
    "HardwareProfile",
    "HostProfile",
    "BaremetalNode",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One document to be; `notes` are what its reader should know or fill in."""

    kind: str
    name: str
    data: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What nodes of one class and wiring have in common: the profile and its networks."""

    profile: str
    hardware: str | None
    primary: str | None
    oob: str | None


@dataclass
class Drafts:
    """Collects documents; what `site` has already is referred to by its name."""

    site: Site = field(default_factory=Site)
    offered: Catalogue | None = None
    found: dict[tuple[str, str], Draft] = field(default_factory=dict)

    def add(self, kind: str, name: str, data: Mapping[str, Any], *notes: str) -> None:
        existing: Mapping[str, Mapping[str, Any]] = {
            "Rack": self.site.racks,
            "NetworkLink": self.site.network_links,
            "Network": self.site.networks,
            "HardwareProfile": self.site.hardware_profiles,
            "HostProfile": self.site.host_profiles,
        }
        if name not in existing.get(kind, {}):
            self.found.setdefault((kind, name), Draft(kind, name, data, notes))

    def in_order(self) -> list[Draft]:
        return sorted(
            self.found.values(), key=lambda draft: (KINDS.index(draft.kind), natural(draft.name))
        )


def drafts(
    machines: Sequence[Machine], onto: Site | None = None, offered: Catalogue | None = None
) -> list[Draft]:
    """Return the documents that `machines` need beside those of `onto`, in order of kind and name.

    A machine that a node of `onto` is for (by boot MAC, name or BMC address) needs none; its class
    and wiring name the profiles of those that are like it. The order of `machines` changes nothing.
    `offered` is what the provisioner can install; host profiles name its image if it is one.
    """
    site = onto or Site()
    ordered = sorted(machines, key=lambda machine: natural(machine.name))
    known = _known(ordered, site)
    fresh = [machine for machine in ordered if machine.name not in known]
    patterns: dict[tuple[object, ...], _Pattern] = {}
    for machine in ordered:
        if machine.name in known:
            patterns.setdefault(_signature(machine), _pattern_of(known[machine.name]))
    found = Drafts(site, offered)
    if fresh and site.region is None:
        found.add("Region", REGION, {}, "Add authorized_keys and repositories of the site.")
    for machine in fresh:
        signature = _signature(machine)
        if signature not in patterns:
            patterns[signature] = _profiles(found, machine, fresh)
        _add_node(found, machine, patterns[signature])
    return found.in_order()


def _known(machines: Sequence[Machine], site: Site) -> dict[str, Node]:
    """Machine name -> the node that is it."""
    by_mac = {node.boot_mac.lower(): node for node in site.nodes.values() if node.boot_mac}
    by_bmc = {node.oob_address: node for node in site.nodes.values() if node.oob_address}
    found = {}
    for machine in machines:
        node = by_mac.get(machine.boot_mac or "") or site.nodes.get(node_name(machine.name))
        node = node or by_bmc.get(machine.bmc_address or "")
        if node is not None:
            found[machine.name] = node
    return found


def node_name(text: str) -> str:
    """Return a host name made of `text`, the same where it is one."""
    name = re.sub("[^a-z0-9-]+", "-", text.lower()).strip("-")
    return name[:63].strip("-") if name else f"machine-{digest(text)}"


def _signature(machine: Machine) -> tuple[object, ...]:
    return (hardware_class(machine).name, wiring_of(machine), machine.bmc_type, _oob(machine))


def _pattern_of(node: Node) -> _Pattern:
    return _Pattern(
        node.parent_profile or "",
        node.hardware_profile,
        node.primary_network,
        node.oob_parameters.get("network"),
    )


# -- profiles


def _profiles(found: Drafts, machine: Machine, machines: Sequence[Machine]) -> _Pattern:
    """Add what one class and wiring needs: hardware, links, networks, host profile."""
    kind, wiring = hardware_class(machine), wiring_of(machine)
    _add_hardware(found, kind, machines)
    for wire in wiring.wires:
        _add_link(found, wire)
    oob = _add_oob_network(found, machine)
    primary = wiring.boot.network if wiring.boot else None
    name = f"{kind.name}-{digest((wiring, machine.bmc_type, oob))}"
    platform, notes = platform_of(found.offered)
    data = {
        "hardware_profile": kind.name,
        "oob": _oob_of(machine, oob),
        **({"primary_network": primary} if primary else {}),
        "interfaces": _interfaces(wiring),
        "storage": _storage(kind),
        "platform": dict(platform),
    }
    found.add("HostProfile", name, data, *notes, *_profile_notes(machine, kind, wiring))
    return _Pattern(name, None, primary, oob)


def _add_hardware(found: Drafts, kind: HardwareClass, machines: Sequence[Machine]) -> None:
    alike = [machine for machine in machines if hardware_class(machine).name == kind.name]
    versions = Counter(machine.bios_version or "unknown" for machine in alike)
    only = alike[0].bios_version if len(versions) == 1 else None
    data: dict[str, Any] = {
        key: value
        for key, value in (
            ("vendor", kind.vendor),
            ("bios_version", only),
            ("boot_mode", kind.boot_mode),
        )
        if value
    }
    data["device_aliases"] = {
        alias: {"bus_type": businfo.partition("@")[0], "address": businfo.partition("@")[2]}
        for alias, businfo in kind.aliases.items()
    }
    notes = [f"{kind.vendor or 'Unknown maker'}, {kind.model or 'unknown model'}."]
    if len(versions) > 1:
        told = ", ".join(f"{version} on {count}" for version, count in sorted(versions.items()))
        notes.append(f"Firmware versions differ, so none is required: {told}.")
    if kind.boot_mode is None:
        notes.append("boot_mode is unknown: set it to bios or uefi.")
    found.add("HardwareProfile", kind.name, data, *notes)


def _interfaces(wiring: Wiring) -> dict[str, Any]:
    """A network is on one interface of a node; of several ways to it the boot NIC's is taken."""
    found: dict[str, Any] = {}
    bonds = 0
    taken: set[str] = set()
    for wire in sorted(wiring.wires, key=lambda wire: wire != wiring.boot):
        name = wire.nics[0]
        if wire.is_bond:
            name, bonds = f"bond{bonds}", bonds + 1
        networks = [] if wire.network in taken else [wire.network]
        taken.add(wire.network)
        found[name] = {
            "device_link": wire.link,
            "slaves": list(wire.nics),
            "networks": networks,
        }
    return found


def _storage(kind: HardwareClass) -> dict[str, Any]:
    if kind.boot_disk is None:
        return {}
    root = {
        "name": "root",
        "size": ">20g" if kind.boot_disk_bytes >= SMALLEST_BOOT_DISK else "90%",
        "bootable": True,
        "filesystem": {"mountpoint": "/", "fstype": "ext4", "mount_options": "defaults"},
    }
    return {"physical_devices": {kind.boot_disk: {"partitions": [root]}}}


def _profile_notes(machine: Machine, kind: HardwareClass, wiring: Wiring) -> list[str]:
    notes = []
    if machine.bmc_address:
        notes.append("Set account and credential of the BMCs.")
    else:
        notes.append("No BMC was told of: oob.type manual, a person presses the button.")
    disk = disk_to_install_on(machine.disks)
    if disk is None:
        notes.append("No fixed disk was seen: add the storage.")
    else:
        notes.append(f"{kind.boot_disk}: {disk.size_bytes / 10**9:.0f} GB; other disks stay as is.")
    for wire in wiring.wires:
        if wire.is_bond:
            notes.append(
                f"{', '.join(wire.nics)} end at one switch: LACP is suggested; the switch must "
                "have a port channel, else make them interfaces of their own."
            )
        elif not wire.is_heard:
            notes.append(f"{wire.nics[0]}: no switch was heard; its network is to be filled in.")
    ways = Counter(wire.network for wire in wiring.wires)
    notes += [
        f"{network} is reached through {count} switches: if they are one to their ports (MLAG), "
        "a bond over both is better."
        for network, count in ways.items()
        if count > 1
    ]
    wired = {name for wire in wiring.wires for name in wire.nics}
    unwired = [name for name in kind.aliases if name.startswith("nic") and name not in wired]
    if unwired:
        notes.append(f"Nothing was heard at {', '.join(unwired)}: not configured.")
    return notes


# -- networks


def _add_link(found: Drafts, wire: Wire) -> None:
    data: dict[str, Any] = {
        "bonding": {"mode": "802.3ad" if wire.is_bond else "disabled"},
        "mtu": 1500,
        "trunking": {
            "mode": "802.1q" if wire.tagged else "disabled",
            "default_network": wire.network,
        },
        "allowed_networks": [wire.network, *map(wire.tagged_network, wire.tagged)],
    }
    notes = () if wire.is_heard else ("No switch was heard: which network it is must be told.",)
    found.add("NetworkLink", wire.link, data, *notes)
    _add_network(found, wire.network, wire.native, has_tag=False)
    for vlan in wire.tagged:
        _add_network(found, wire.tagged_network(vlan), vlan, has_tag=True)


def _add_network(found: Drafts, name: str, vlan: int | None, *, has_tag: bool) -> None:
    cidr = f"{_PLACEHOLDERS + 32 * (vlan or 0)}/27"
    data: dict[str, Any] = {"cidr": cidr}
    if has_tag:
        data["vlan"] = str(vlan)
    how = "tagged" if has_tag else "untagged"
    told = f"VLAN {vlan}, {how} at the switch." if vlan else "The switch names no VLAN."
    found.add(
        "Network",
        name,
        data,
        told,
        f"{cidr} holds the place: set cidr, ranges (dhcp for a network to boot on), routes, dns.",
    )


def _oob(machine: Machine) -> str | None:
    """The network around the BMC's address: a /24, or a /64."""
    if machine.bmc_address is None:
        return None
    prefix = 24 if ip_address(machine.bmc_address).version == 4 else 64
    return str(ip_network(f"{machine.bmc_address}/{prefix}", strict=False))


def _add_oob_network(found: Drafts, machine: Machine) -> str | None:
    cidr = _oob(machine)
    if cidr is None or machine.bmc_address is None:
        return None
    for network in found.site.networks.values():
        if _holds(network, machine.bmc_address):
            return network.name
    name = f"oob-{slug(cidr)}"
    note = "A guess around the addresses of the BMCs: check cidr and routes."
    found.add("Network", name, {"cidr": cidr}, note)
    return name


def _holds(network: Network, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(network.cidr, strict=False)
    except ValueError:
        return False


def _oob_of(machine: Machine, network: str | None) -> dict[str, str]:
    if network is None or machine.bmc_type is None:
        return {"type": "manual"}
    return {
        "type": machine.bmc_type,
        "network": network,
        "account": FILL_IN,
        "credential": FILL_IN,
    }


# -- nodes


def _add_node(found: Drafts, machine: Machine, pattern: _Pattern) -> None:
    notes = list(machine.notes)
    addressing = []
    if pattern.oob and machine.bmc_address:
        addressing.append({"network": pattern.oob, "address": machine.bmc_address})
    if pattern.primary or not addressing:
        addressing.append({"network": pattern.primary or "boot", "address": "dhcp"})
        notes.append("Set its addresses; dhcp holds their place.")
    metadata: dict[str, Any] = {}
    if machine.boot_mac:
        metadata["boot_mac"] = machine.boot_mac
    if not machine.boot_mac_told:
        notes.append("Which NIC it boots from is a guess: check metadata.boot_mac.")
    rack = _add_rack(found, machine)
    if rack:
        metadata["rack"] = rack
    data: dict[str, Any] = {"host_profile": pattern.profile} if pattern.profile else {}
    if pattern.hardware:
        data["hardware_profile"] = pattern.hardware
    data |= {"metadata": metadata, "addressing": addressing}
    name = node_name(machine.name)
    if ("BaremetalNode", name) in found.found:
        notes.append(f"{name} is another machine's name too.")
        name = f"{name[:56]}-{digest(machine.name)}"
    if machine.name.startswith("mac-"):
        notes.insert(0, "Nobody named it yet: give it a host name.")
    found.add("BaremetalNode", name, data, *notes)


def _add_rack(found: Drafts, machine: Machine) -> str | None:
    """The rack of the switch that its boot NIC ends at, else the first switch heard."""
    boot = machine.boot_nic
    heard = [nic.neighbour for nic in ((boot,) if boot else ()) if nic.neighbour]
    heard += [nic.neighbour for nic in machine.nics if nic.neighbour]
    if not heard:
        return None
    switch = heard[0].switch
    is_plain = slug(switch) == switch.lower()
    name = f"rack-{slug(switch)}" if is_plain else f"rack-{slug(switch)}-{digest(switch)}"
    note = f"Machines at the switch {switch}: name the rack, and its location."
    found.add("Rack", name, {"tor_switches": {switch: {}}, "location": {}}, note)
    return name
