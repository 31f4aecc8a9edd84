"""The network of a machine as MAAS is to have it, checked before the first write. Pure.

Source: contract, maas, section 7, and maas-facts, rows 8, 9, 14 and 19.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drydockd.drivers.node.maas.wiring import Wiring
from drydockd.errors import DriverConflict, DriverUnsupported
from drydockd.plans import (
    BondPlan,
    DeviceName,
    InterfacePlan,
    NetworkAddress,
    NetworkPlan,
    VlanPlan,
)

Document = Mapping[str, Any]

# Linux: less does not carry IPv4, and MAAS refuses it.
LEAST_MTU = 552
# Linux: IFNAMSIZ less the zero byte.
MOST_NAME = 15


@dataclass(frozen=True, slots=True)
class Link:
    """How an interface is on a subnet (its id): `mode` is ``static``, ``dhcp`` or ``link_up``."""

    mode: str
    subnet: int | None = None
    address: str | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """One interface of the machine. `kind` is ``physical``, ``bond`` or ``vlan``; `vlan` is an id
    of MAAS; a physical one has its `id`. `links` is None for the member of a bond."""

    name: str
    kind: str
    vlan: int
    mtu: int | None
    id: int | None = None
    parents: tuple[str, ...] = ()
    bond: Mapping[str, str | int] = field(default_factory=dict)
    links: tuple[Link, ...] | None = ()


def wanted_ports(
    node: str,
    plan: NetworkPlan,
    interfaces: Sequence[Document],
    wiring: Wiring,
) -> tuple[Port, ...]:
    """Return the interfaces that MAAS is to have, parents before what stands on them.

    Raises DriverUnsupported (a value that MAAS cannot have) and DriverConflict (what MAAS has
    contradicts the design); the message names node, interface and value. Nothing was done then.
    """
    check_host_name(node)
    gateways = [ipaddress.ip_address(gateway) for gateway in plan.default_gateways]
    owners: dict[int, str] = {}
    ports: list[Port] = []
    for interface in plan.interfaces:
        where = f"node {node}: interface {interface.name}"
        nics = [found_nic(device, interfaces, where) for device in interface.devices]
        for nic in nics:
            first = owners.setdefault(nic["id"], interface.name)
            if first != interface.name or nics.count(nic) > 1:
                raise DriverConflict(
                    f"{where}: {nic['name']} ({nic['mac_address']}) is wanted twice, by "
                    f"{first} and {interface.name}; two aliases lead to one device"
                )
        ports += _ports(where, interface, nics, _Addresses(where, interface, wiring, gateways))
    return tuple(ports)


def check_host_name(node: str) -> None:
    """Raises DriverUnsupported for a name that MAAS does not give to a machine."""
    if "_" in node:
        raise DriverUnsupported(
            f"node {node}: MAAS has no host names with an underscore; rename it in the design"
        )


def found_nic(device: DeviceName, interfaces: Sequence[Document], where: str) -> Document:
    """Return the NIC a plan names: by its address if that is known, else by its name."""
    physical = [nic for nic in interfaces if nic["type"] == "physical"]
    if device.mac is not None:
        for nic in physical:
            if str(nic["mac_address"]).lower() == device.mac.lower():
                return nic
    for nic in physical:
        if nic["name"] == device.name:
            return nic
    identity = [f"at {device.bus_address}" if device.bus_address else "", device.mac or ""]
    told = ", ".join(filter(None, identity)) or "no alias of the hardware profile leads to it"
    there = ", ".join(f"{nic['name']} {nic['mac_address']}" for nic in physical) or "none"
    raise DriverConflict(
        f"{where}: MAAS has no device {device.name} ({told}); the machine has: {there}"
    )


class _Addresses:
    """The links of one interface, each held against the site."""

    def __init__(
        self,
        where: str,
        interface: InterfacePlan,
        wiring: Wiring,
        gateways: Sequence[ipaddress.IPv4Address | ipaddress.IPv6Address],
    ) -> None:
        self.where, self.wiring, self.name = where, wiring, interface.link
        self._gateways = gateways

    def untagged(self, interface: InterfacePlan) -> tuple[int, tuple[Link, ...]]:
        """The VLAN (its id) an interface itself is on, and its links there.

        A native network that MAAS has on a tagged VLAN is what the switch gives untagged; a
        network of VLAN 0 is on the interface itself.
        """
        vlan = self.wiring.vlan(self.name, 0, self.where)
        networks: list[NetworkAddress] = []
        if interface.native_network is not None:
            native = NetworkAddress(interface.native_network, interface.address)
            networks.append(native)
            if (subnet := self._subnet(native, None)) is not None:
                vlan = subnet["vlan"]
                self._check_native(interface, subnet)
        for entry in interface.vlans:
            if entry.vlan_id == 0:
                networks += networks_of(entry)
        return vlan["id"], self._links(networks, vlan["vid"])

    def _check_native(self, interface: InterfacePlan, subnet: Document) -> None:
        tagged = {entry.vlan_id: entry.network for entry in interface.vlans if entry.vlan_id}
        vid = subnet["vlan"]["vid"]
        if vid in tagged:
            raise DriverConflict(
                f"{self.where}: subnet {subnet['cidr']} (network {interface.native_network}), "
                f"which is native on link {self.name}, is on VLAN {vid} in MAAS, and so is "
                f"network {tagged[vid]}; move it to the untagged VLAN"
            )

    def tagged(self, networks: Sequence[NetworkAddress], vid: int) -> tuple[int, tuple[Link, ...]]:
        vlan = self.wiring.vlan(self.name, vid, self.where)
        return vlan["id"], self._links(networks, vid)

    def _links(self, networks: Sequence[NetworkAddress], vid: int) -> tuple[Link, ...]:
        links = [self._link(one, vid) for one in networks]
        addressed = [link for link in links if link.mode != "link_up"]
        # MAAS has an interface up by itself as soon as it has one address.
        return tuple(addressed or links[:1])

    def _link(self, one: NetworkAddress, vid: int) -> Link:
        subnet = self._subnet(one, vid)
        number = subnet["id"] if subnet else None
        mode = one.address.mode
        if mode == "none":
            return Link("link_up", number)
        if mode != "static" or subnet is None:
            return Link(mode, number)
        interface = ipaddress.ip_interface(one.address.address or "")
        is_default = self._is_default(interface, subnet, one.network)
        return Link("static", number, str(interface.ip), is_default)

    def _subnet(self, one: NetworkAddress, vid: int | None) -> Document | None:
        address = one.address.address if one.address.mode == "static" else None
        if one.address.mode == "none" and self.wiring.subnet(one.network, None) is None:
            return None
        return self.wiring.subnet_on(one.network, address, self.name, vid, self.where)

    def _is_default(
        self,
        interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface,
        subnet: Document,
        network: str,
    ) -> bool:
        for gateway in self._gateways:
            if gateway not in interface.network:
                continue
            if subnet["gateway_ip"] != str(gateway):
                raise DriverConflict(
                    f"{self.where}: subnet {subnet['cidr']} (network {network}) has gateway "
                    f"{subnet['gateway_ip'] or 'none'} in MAAS, and {gateway} in the design; run "
                    "prepare_site"
                )
            return True
        return False


def _ports(
    where: str, interface: InterfacePlan, nics: Sequence[Document], addresses: _Addresses
) -> Iterator[Port]:
    _check_mtu(where, interface)
    vlan, links = addresses.untagged(interface)
    is_bond = interface.bond is not None
    for nic in nics:
        own = None if is_bond else links
        yield Port(nic["name"], "physical", vlan, interface.mtu, id=nic["id"], links=own)
    base = nics[0]["name"]
    if interface.bond is not None:
        base = _checked_name(where, interface.name)
        parents = tuple(nic["name"] for nic in nics)
        settings = bond_settings(interface.bond)
        yield Port(base, "bond", vlan, interface.mtu, parents=parents, bond=settings, links=links)
    for entry in interface.vlans:
        if entry.vlan_id == 0:
            continue
        tagged, tagged_links = addresses.tagged(networks_of(entry), entry.vlan_id)
        name = f"{base}.{entry.vlan_id}"
        yield Port(name, "vlan", tagged, entry.mtu, parents=(base,), links=tagged_links)


def networks_of(entry: VlanPlan) -> tuple[NetworkAddress, ...]:
    """The networks of a VLAN: more than one where they share it."""
    return (NetworkAddress(entry.network, entry.address), *entry.beside)


def bond_settings(bond: BondPlan) -> dict[str, str | int]:
    """The fields of MAAS' form for a bond; those that the design leaves open are left out."""
    fields: dict[str, str | int | None] = {
        "bond_mode": bond.mode,
        "bond_miimon": bond.mon_rate,
        "bond_downdelay": bond.down_delay,
        "bond_updelay": bond.up_delay,
        "bond_lacp_rate": bond.peer_rate,
        "bond_xmit_hash_policy": bond.xmit_hash,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _check_mtu(where: str, interface: InterfacePlan) -> None:
    if interface.mtu < LEAST_MTU:
        raise DriverUnsupported(f"{where}: mtu {interface.mtu}; MAAS has {LEAST_MTU} at least")
    for entry in interface.vlans:
        if entry.mtu is None:
            continue
        if entry.mtu < LEAST_MTU:
            raise DriverUnsupported(
                f"{where}: network {entry.network}: mtu {entry.mtu}; MAAS has {LEAST_MTU} at least"
            )
        if entry.mtu > interface.mtu:
            raise DriverUnsupported(
                f"{where}: network {entry.network} has mtu {entry.mtu}, but link "
                f"{interface.link} below it only {interface.mtu}"
            )


def _checked_name(where: str, name: str) -> str:
    if len(name) > MOST_NAME or not name.isascii() or any(c.isspace() or c in "/:" for c in name):
        raise DriverUnsupported(
            f"{where}: the name of a bond has {MOST_NAME} characters at most, no blanks, / and :"
        )
    return name
