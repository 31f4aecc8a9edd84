"""What a node's network must look like, computed from the site: the same for every provisioner.

Source: contract, node-provisioner, section 4.
"""

from __future__ import annotations

import re

from drydockd.design.addresses import pack, pack_network
from drydockd.design.inventory import Hardware
from drydockd.errors import InvalidDesign
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    InterfacePlan,
    NetworkPlan,
    RoutePlan,
    VlanPlan,
)
from drydockd.site import Interface, Network, NetworkLink, Node, Site

DEFAULT_METRIC = 100
EVERYWHERE = ("0.0.0.0/0", "::/0")


def network_plan(site: Site, node: Node, hardware: Hardware) -> NetworkPlan:
    """Return the network of one node: interfaces that have a link not labelled ``noconfig``.

    Raises InvalidDesign naming field and value, before anything was done to the node.
    """
    interfaces = []
    for interface in node.interfaces:
        if interface.network_link is None:
            if interface.networks:
                raise _invalid(node, interface, "has networks but no device_link")
            continue
        link = site.network_links.get(interface.network_link)
        if link is None:
            raise _invalid(node, interface, f"device_link {interface.network_link} is not defined")
        if "noconfig" not in link.metalabels:
            interfaces.append(_interface_plan(site, node, interface, link, hardware))
    primary = site.networks.get(node.primary_network or "")
    return NetworkPlan(
        interfaces=tuple(interfaces),
        default_gateway=primary.default_gateway if primary else None,
        dns_servers=_dns_servers(primary),
        search_domain=site.domain_of(node),
    )


def _interface_plan(
    site: Site, node: Node, interface: Interface, link: NetworkLink, hardware: Hardware
) -> InterfacePlan:
    bond = _bond_plan(link)
    slaves = interface.hardware_slaves
    if bond is None and len(slaves) != 1:
        raise _invalid(
            node,
            interface,
            f"slaves must be one device as link {link.name} has no bonding, "
            f"but are {', '.join(slaves) or 'none'}",
        )
    if not slaves:
        raise _invalid(node, interface, f"slaves are none, but link {link.name} is a bond")
    devices = tuple(hardware.nic(slave) for slave in slaves)
    native: Network | None = None
    vlans = []
    for network_name in interface.networks:
        network = _allowed_network(site, node, interface, link, network_name)
        if network.name == link.native_network:
            native = network
        else:
            vlans.append(_vlan_plan(node, interface, network))
    return InterfacePlan(
        name=interface.device_name,
        link=link.name,
        devices=devices,
        bond=bond,
        mtu=link.mtu,
        native_network=native.name if native else None,
        address=_address_plan(node, native) if native else AddressPlan("none"),
        routes=_routes(node, native) if native else (),
        vlans=tuple(vlans),
        sriov=interface.sriov,
        vf_count=interface.vf_count,
        trustedmode=interface.trustedmode,
    )


def _bond_plan(link: NetworkLink) -> BondPlan | None:
    if link.bonding_mode == "disabled":
        return None
    return BondPlan(
        mode=link.bonding_mode,
        xmit_hash=link.bonding_xmit_hash,
        peer_rate=link.bonding_peer_rate,
        mon_rate=link.bonding_mon_rate,
        up_delay=link.bonding_up_delay,
        down_delay=link.bonding_down_delay,
    )


def _allowed_network(
    site: Site, node: Node, interface: Interface, link: NetworkLink, name: str
) -> Network:
    network = site.networks.get(name)
    if network is None:
        raise _invalid(node, interface, f"network {name} is not defined")
    if name not in link.allowed_networks:
        raise _invalid(node, interface, f"network {name} is not allowed on link {link.name}")
    return network


def _vlan_plan(node: Node, interface: Interface, network: Network) -> VlanPlan:
    if network.vlan_id is None:
        raise _invalid(
            node,
            interface,
            f"network {network.name} has no vlan and is not the default network of its link",
        )
    return VlanPlan(
        network=network.name,
        vlan_id=int(network.vlan_id),
        parent=interface.device_name,
        mtu=network.mtu,
        address=_address_plan(node, network),
        routes=_routes(node, network),
    )


def _address_plan(node: Node, network: Network) -> AddressPlan:
    """The first addressing entry of the network; without one the link is only brought up."""
    for entry in node.addressing:
        if entry.network != network.name:
            continue
        if entry.type == "dhcp":
            return AddressPlan("dhcp")
        packed, address = pack_network(network.cidr), entry.address or ""
        if packed is None:
            raise InvalidDesign(f"network {network.name}: cidr {network.cidr!r} is no network")
        if not packed.holds(pack(address) or b""):
            raise InvalidDesign(
                f"node {node.name}: addressing: {address!r} is no address of network "
                f"{network.name}, {network.cidr}"
            )
        return AddressPlan("static", f"{address}/{packed.prefix}")
    return AddressPlan("none")


def _routes(node: Node, network: Network) -> tuple[RoutePlan, ...]:
    """The network's routes; the default one only where the node's default route belongs."""
    routes = []
    for route in network.routes:
        if route.subnet is None:
            continue  # the placeholder of a route domain
        if route.subnet in EVERYWHERE and network.name != node.primary_network:
            continue
        if not route.gateway:
            raise InvalidDesign(
                f"network {network.name}: route to {route.subnet}: gateway is missing"
            )
        metric = DEFAULT_METRIC if route.metric is None else route.metric
        routes.append(RoutePlan(route.subnet, route.gateway, metric))
    return tuple(routes)


def _dns_servers(network: Network | None) -> tuple[str, ...]:
    """Real sites separate servers by commas as well as by blanks."""
    if network is None or not network.dns_servers:
        return ()
    return tuple(server for server in re.split(r"[,\s]+", network.dns_servers) if server)


def _invalid(node: Node, interface: Interface, problem: str) -> InvalidDesign:
    return InvalidDesign(f"node {node.name}: interface {interface.device_name}: {problem}")
