"""A node's network as `network_data.json` of a configdrive, which cloud-init reads. Pure.

NICs are found by MAC address, whatever another kernel calls them. Source: Nova,
``network_data.json``; cloud-init, "OpenStack metadata" (`convert_net_json`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any

from drydockd.errors import DriverUnsupported
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    DeviceName,
    InterfacePlan,
    NetworkPlan,
    RoutePlan,
    VlanPlan,
)

MODES = frozenset({"802.3ad", "active-backup", "balance-rr"})
# What the core gives a route that says none; network_data knows no metrics, cloud-init does.
USUAL_METRIC = 100

Entry = dict[str, Any]


def network_data(plan: NetworkPlan, who: str) -> Entry:
    """Return the document: links, networks, services.

    Raises DriverUnsupported naming `who`, field and value: a NIC without a known MAC address, a
    bonding mode or an SR-IOV setting that no configdrive can carry.
    """
    links: list[Entry] = []
    networks: list[Entry] = []
    for interface in plan.interfaces:
        _check(interface, who)
        links += _links(interface, who)
        networks += _networks(interface)
    for number, network in enumerate(networks):
        network["id"] = f"network{number}"
    services = [{"type": "dns", "address": server} for server in plan.dns_servers]
    return {"links": links, "networks": networks, "services": services}


def macs_of(plan: NetworkPlan) -> set[str]:
    return {nic.mac for interface in plan.interfaces for nic in interface.devices if nic.mac}


def _check(interface: InterfacePlan, who: str) -> None:
    where = f"{who}: interfaces.{interface.name}"
    if interface.sriov or interface.vf_count:
        raise DriverUnsupported(
            f"{where}.sriov: a configdrive cannot set up virtual functions; leave sriov out"
        )
    if interface.bond and interface.bond.mode not in MODES:
        raise DriverUnsupported(
            f"{where}: bonding mode {interface.bond.mode} of link {interface.link} is not "
            f"among {', '.join(sorted(MODES))}"
        )


def _links(interface: InterfacePlan, who: str) -> Iterator[Entry]:
    if interface.bond:
        members = [_phy(nic, nic.name, interface, who) for nic in interface.devices]
        yield from members
        yield {
            "id": interface.name,
            "name": interface.name,
            "type": "bond",
            "ethernet_mac_address": members[0]["ethernet_mac_address"],
            "bond_links": [member["id"] for member in members],
            "mtu": interface.mtu,
            **_bond(interface.bond),
        }
        mac = members[0]["ethernet_mac_address"]
    else:
        nic = _phy(interface.devices[0], interface.name, interface, who)
        yield nic
        mac = nic["ethernet_mac_address"]
    for vlan in interface.vlans:
        yield {
            "id": _vlan_id(vlan),
            "type": "vlan",
            "vlan_id": vlan.vlan_id,
            "vlan_link": interface.name,
            "vlan_mac_address": mac,
            # cloud-init looks for it in every link.
            "ethernet_mac_address": mac,
            "mtu": vlan.mtu or interface.mtu,
        }


def _phy(nic: DeviceName, link_id: str, interface: InterfacePlan, who: str) -> Entry:
    if nic.mac is None:
        raise DriverUnsupported(
            f"{who}: interfaces.{interface.name}: Ironic's inventory has no NIC {nic.name} with a "
            "MAC address; see the slaves of the interface and the device aliases"
        )
    return {
        "id": link_id,
        "name": link_id,
        "type": "phy",
        "ethernet_mac_address": nic.mac,
        "mtu": interface.mtu,
    }


def _bond(plan: BondPlan) -> Entry:
    found: Entry = {
        "bond_mode": plan.mode,
        "bond_xmit_hash_policy": plan.xmit_hash,
        "bond_lacp_rate": plan.peer_rate,
        "bond_miimon": plan.mon_rate,
        "bond_updelay": plan.up_delay,
        "bond_downdelay": plan.down_delay,
    }
    return {key: value for key, value in found.items() if value is not None}


def _vlan_id(vlan: VlanPlan) -> str:
    return f"{vlan.parent}.{vlan.vlan_id}"


def _networks(interface: InterfacePlan) -> Iterator[Entry]:
    if interface.native_network:
        first = (interface.native_network, interface.address)
        yield from _addresses(interface.name, [first], interface.routes)
    for vlan in interface.vlans:
        addresses = [(vlan.network, vlan.address)]
        addresses += [(other.network, other.address) for other in vlan.beside]
        yield from _addresses(_vlan_id(vlan), addresses, vlan.routes)


def _addresses(
    link: str, addresses: Sequence[tuple[str, AddressPlan]], routes: Sequence[RoutePlan]
) -> Iterator[Entry]:
    """One network per address; the first of each family has the routes of that family."""
    left = list(routes)
    for name, address in addresses:
        if address.mode == "none":
            continue
        base = {"link": link, "network_id": name}
        if address.mode == "dhcp" or address.address is None:
            mine, left = _split(left, 4)
            yield {**base, "type": "ipv4_dhcp", "routes": mine}
            continue
        own = ipaddress.ip_interface(address.address)
        mine, left = _split(left, own.version)
        yield {
            **base,
            "type": f"ipv{own.version}",
            "ip_address": str(own.ip),
            "netmask": str(own.netmask),
            "routes": mine,
        }


def _split(routes: Sequence[RoutePlan], version: int) -> tuple[list[Entry], list[RoutePlan]]:
    """Return the routes of a family, as entries, and the others."""
    versions = [ipaddress.ip_network(route.subnet).version for route in routes]
    mine = [_route(route) for route, of in zip(routes, versions, strict=True) if of == version]
    return mine, [route for route, of in zip(routes, versions, strict=True) if of != version]


def _route(plan: RoutePlan) -> Entry:
    subnet = ipaddress.ip_network(plan.subnet)
    metric = {} if plan.metric == USUAL_METRIC else {"metric": plan.metric}
    return {
        "network": str(subnet.network_address),
        "netmask": str(subnet.netmask),
        "gateway": plan.gateway,
        **metric,
    }
