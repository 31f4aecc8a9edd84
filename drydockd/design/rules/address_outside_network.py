"""Static addresses and gateways must lie inside the network they are written for."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.addresses import PackedNetwork, pack, pack_network
from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Addressing, Network, Node, Site

ORDER, CODE, NAME = 40, "DD2002", "IP Locality Check"


def check(site: Site) -> Iterator[Verdict]:
    if not site.networks:
        yield warning("no networks found.", "A design without Network documents is incomplete.")
    for network in site.networks.values():
        yield from _judge_routes(network)
    if not site.nodes:
        yield warning(
            "no baremetal nodes found.", "A design without BaremetalNode documents is incomplete."
        )
    # None: defined, but its cidr is invalid, which DD2006 reports.
    packed = {name: pack_network(network.cidr) for name, network in site.networks.items()}
    for node in site.nodes.values():
        for entry in node.addressing:
            if not _is_inside(entry, packed):
                yield from _judge_entry(entry, node, site)


def _is_inside(entry: Addressing, packed: dict[str, PackedNetwork | None]) -> bool:
    network = packed.get(entry.network)
    if network is None or entry.type != "static" or entry.address is None:
        return False
    address = pack(entry.address)
    return address is not None and network.holds(address)


def _judge_routes(network: Network) -> Iterator[Verdict]:
    packed = pack_network(network.cidr)
    if packed is None:
        return
    for route in network.routes:
        if route.rendered:
            continue
        target = route.subnet or f"route domain {route.routedomain}"
        if not route.gateway:
            yield error(
                f"route to {target} of network {network.name} has no gateway.",
                f"Add the gateway, an address inside {network.cidr}.",
                network.ref,
            )
            continue
        address = pack(route.gateway)
        if address is None:
            yield error(
                f"gateway {route.gateway!r} of network {network.name} is not an IP address.",
                f"Write an address inside {network.cidr}.",
                network.ref,
            )
        elif not packed.holds(address):
            yield error(
                f"gateway {route.gateway} is outside {network.cidr} of network {network.name}.",
                "A gateway must be on the network whose route it serves.",
                network.ref,
            )


def _judge_entry(entry: Addressing, node: Node, site: Site) -> Iterator[Verdict]:
    network = site.networks.get(entry.network)
    if entry.type != "static":
        if network is None:
            yield warning(
                f"node {node.name} uses dhcp on network {entry.network}, which is not defined.",
                "Define the network or correct the name.",
                node.ref,
            )
        return
    if network is None:
        yield error(
            f"node {node.name} has an address on network {entry.network}, which is not defined.",
            "Define the network or correct the name.",
            node.ref,
        )
    address = pack(entry.address or "")
    if address is None:
        yield error(
            f"{entry.address!r} of node {node.name} on network {entry.network} "
            "is not an IP address.",
            "Write an IPv4 or IPv6 address without prefix length, or dhcp in lower case.",
            node.ref,
        )
    elif network is not None and pack_network(network.cidr) is not None:
        yield error(
            f"address {entry.address} of node {node.name} is outside {network.cidr} "
            f"of network {network.name}.",
            f"Choose an address inside {network.cidr} or name the network it belongs to.",
            node.ref,
        )
