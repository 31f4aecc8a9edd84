"""What a node's network must look like, computed from the site: the same for every provisioner.

Source: contract, node-provisioner, section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drydockd.design.addresses import family, pack, pack_network, split_servers
from drydockd.design.inventory import Hardware
from drydockd.errors import InvalidDesign
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    InterfacePlan,
    NetworkAddress,
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
    ways_out = default_networks(site, node)
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
            interfaces.append(_interface_plan(site, node, interface, link, hardware, ways_out))
    gateways = (network.default_gateway for network in ways_out)
    return NetworkPlan(
        interfaces=tuple(interfaces),
        default_gateways=tuple(gateway for gateway in gateways if gateway),
        dns_servers=_dns_servers(site.networks.get(node.primary_network or ""), *ways_out),
        search_domain=site.domain_of(node),
    )


def default_networks(site: Site, node: Node) -> tuple[Network, ...]:
    """Return the networks a node's default routes and name servers are taken from: the primary
    one, and for the other address family the first that has a default route, best one that
    shares the VLAN of the primary one.
    """
    primary = site.networks.get(node.primary_network or "")
    if primary is None:
        return ()
    used = [
        site.networks[name]
        for interface in node.interfaces
        for name in interface.networks
        if name in site.networks
    ]
    wanted = 6 if family(primary.cidr) == 4 else 4
    others = [n for n in used if family(n.cidr) == wanted and n.default_gateway]
    others.sort(key=lambda network: network.vlan_id != primary.vlan_id)
    return (primary, *others[:1])


def interface_problems(site: Site, interface: Interface, link: NetworkLink) -> Iterator[str]:
    """Yield why an interface cannot be planned whatever the machine has; nothing: it can.

    Networks that are undefined or not allowed on the link are not told: that is rule DD1007's.
    """
    slaves = interface.hardware_slaves
    if link.bonding_mode == "disabled" and len(slaves) != 1:
        yield (
            f"slaves must be one device as link {link.name} has no bonding, "
            f"but are {', '.join(slaves) or 'none'}"
        )
    elif not slaves:
        yield f"slaves are none, but link {link.name} is a bond"
    taken: dict[tuple[int, int | None], Network] = {}
    for name in dict.fromkeys(interface.networks):
        network = site.networks.get(name)
        if network is None or name == link.native_network or name not in link.allowed_networks:
            continue
        if network.vlan_id is None:
            yield (
                f"network {network.name} has no vlan and is not the default network of its link"
                + (f" {link.name} (that is {link.native_network})" if link.native_network else "")
            )
            continue
        key = int(network.vlan_id), family(network.cidr)
        first = taken.setdefault(key, network)
        if first is not network:
            yield (
                f"networks {first.name} and {network.name} have the same vlan {network.vlan_id} "
                f"and the same address family on link {link.name}"
            )


def _interface_plan(
    site: Site,
    node: Node,
    interface: Interface,
    link: NetworkLink,
    hardware: Hardware,
    ways_out: tuple[Network, ...],
) -> InterfacePlan:
    for problem in interface_problems(site, interface, link):
        raise _invalid(node, interface, problem)
    native: Network | None = None
    tagged: dict[int, list[Network]] = {}
    for name in dict.fromkeys(interface.networks):
        network = _allowed_network(site, node, interface, link, name)
        if network.name == link.native_network:
            native = network
        elif network.vlan_id is not None:
            tagged.setdefault(int(network.vlan_id), []).append(network)
    return InterfacePlan(
        name=interface.device_name,
        link=link.name,
        devices=tuple(hardware.nic(slave) for slave in interface.hardware_slaves),
        bond=_bond_plan(link),
        mtu=link.mtu,
        native_network=native.name if native else None,
        address=_address_plan(node, native) if native else AddressPlan("none"),
        routes=_routes(native, ways_out) if native else (),
        vlans=tuple(
            _vlan_plan(node, interface, vlan_id, networks, ways_out)
            for vlan_id, networks in tagged.items()
        ),
        sriov=interface.sriov,
        vf_count=interface.vf_count,
        trustedmode=interface.trustedmode,
        linkspeed=link.linkspeed,
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


def _vlan_plan(
    node: Node,
    interface: Interface,
    vlan_id: int,
    networks: Sequence[Network],
    ways_out: tuple[Network, ...],
) -> VlanPlan:
    """One VLAN, however many networks of different families share it."""
    first, *others = networks
    return VlanPlan(
        network=first.name,
        vlan_id=vlan_id,
        parent=interface.device_name,
        mtu=max((network.mtu for network in networks if network.mtu is not None), default=None),
        address=_address_plan(node, first),
        routes=tuple(route for network in networks for route in _routes(network, ways_out)),
        beside=tuple(
            NetworkAddress(network.name, _address_plan(node, network)) for network in others
        ),
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


def _routes(network: Network, ways_out: tuple[Network, ...]) -> tuple[RoutePlan, ...]:
    """The network's routes; a default one only where the node's default routes belong."""
    routes = []
    for route in network.routes:
        if route.subnet is None:
            continue  # the placeholder of a route domain
        if route.subnet in EVERYWHERE and network not in ways_out:
            continue
        if not route.gateway:
            raise InvalidDesign(
                f"network {network.name}: route to {route.subnet}: gateway is missing"
            )
        metric = DEFAULT_METRIC if route.metric is None else route.metric
        routes.append(RoutePlan(route.subnet, route.gateway, metric))
    return tuple(routes)


def _dns_servers(*networks: Network | None) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for network in networks:
        if network is not None and network.dns_servers:
            found |= dict.fromkeys(split_servers(network.dns_servers))
    return tuple(found)


def _invalid(node: Node, interface: Interface, problem: str) -> InvalidDesign:
    return InvalidDesign(f"node {node.name}: interface {interface.device_name}: {problem}")
