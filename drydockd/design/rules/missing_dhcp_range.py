"""Networks that machines boot on, relayed networks and what they are relayed to need DHCP."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drydockd.design.addresses import pack, pack_network
from drydockd.design.rules import Verdict, warning
from drydockd.site import Network, Site

ORDER, CODE, NAME = 210, "DD2903", "DHCP Ranges"


def check(site: Site) -> Iterator[Verdict]:
    asked: dict[str, str] = {}
    for node in site.nodes.values():
        for entry in node.addressing:
            if entry.type == "dhcp":
                asked.setdefault(entry.network, f"node {node.name} asks for an address there")
    for network in site.networks.values():
        if _boots(network.name) and any(network.name in names for names in _used(site)):
            asked.setdefault(network.name, "by its name machines boot there")
        if network.dhcp_relay_self_ip or network.dhcp_relay_upstream_target:
            asked.setdefault(network.name, "DHCP is relayed from it")
        target = pack(network.dhcp_relay_upstream_target or "")
        for other in site.networks.values() if target else ():
            if other is not network and _holds(other, target or b""):
                asked.setdefault(other.name, f"network {network.name} relays DHCP to it")
    for name, why in asked.items():
        found = site.networks.get(name)
        if found is not None and not any(entry.type == "dhcp" for entry in found.ranges):
            yield warning(
                f"network {name} has no dhcp range, but {why}.",
                "Add a range of type dhcp, or see to it that another server answers there.",
                found.ref,
            )


def _holds(network: Network, address: bytes) -> bool:
    packed = pack_network(network.cidr)
    return packed is not None and packed.holds(address)


def _boots(name: str) -> bool:
    return "pxe" in re.split("[^a-z0-9]+", name.lower())


def _used(site: Site) -> Iterator[tuple[str, ...]]:
    """The networks of every interface of the site, once for all nodes that share them."""
    for interfaces in {
        id(node.interfaces): node.interfaces for node in site.nodes.values()
    }.values():
        for interface in interfaces:
            yield interface.networks
