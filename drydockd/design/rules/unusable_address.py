"""A node cannot have the address of its gateway or of the network itself, and should have none
that DHCP hands out."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from drydockd.design.addresses import PackedNetwork, pack, pack_network
from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Addressing, Network, Node, Site

ORDER, CODE, NAME = 200, "DD2902", "Address Use"


@dataclass(frozen=True, slots=True)
class _Taken:
    """What is not free on a network, packed."""

    network: Network
    ends: PackedNetwork
    gateways: frozenset[bytes | None]
    leased: tuple[tuple[bytes, bytes], ...]
    texts: frozenset[str]  # IPv4 only, where an address has one spelling

    def is_free(self, address: str) -> bool:
        """Whether that can be told without packing the address: nearly always."""
        return not self.leased and ":" not in address and address not in self.texts


def check(site: Site) -> Iterator[Verdict]:
    taken = {name: _taken(network) for name, network in site.networks.items()}
    for node in site.nodes.values():
        for entry in node.addressing:
            on_network = taken.get(entry.network)
            if entry.address is None or on_network is None or on_network.is_free(entry.address):
                continue
            address = pack(entry.address)
            if address and on_network.ends.holds(address):
                yield from _judge(node, entry, address, on_network)


def _taken(network: Network) -> _Taken | None:
    packed = pack_network(network.cidr)
    if packed is None:
        return None  # DD2006 reports
    gateways = frozenset(route.gateway for route in network.routes if route.gateway)
    return _Taken(
        network,
        packed,
        frozenset(map(pack, gateways)),
        tuple(
            (start, end)
            for entry in network.ranges
            if entry.type == "dhcp" and (start := pack(entry.start)) and (end := pack(entry.end))
        ),
        gateways | {str(ipaddress.ip_address(end)) for end in (packed.first, packed.last)},
    )


def _judge(node: Node, entry: Addressing, address: bytes, taken: _Taken) -> Iterator[Verdict]:
    what = f"address {entry.address} of node {node.name} on network {entry.network}"
    hint = f"Choose a free address of {taken.network.cidr}."
    if address in taken.gateways:
        yield error(f"{what} is a gateway of that network.", hint, node.ref, taken.network.ref)
    # Networks of one or two addresses have neither a network nor a broadcast address (RFC 3021).
    elif len(address) == 4 and taken.ends.prefix < 31:
        for role, end in (("network", taken.ends.first), ("broadcast", taken.ends.last)):
            if address == end:
                yield error(
                    f"{what} is the {role} address of {taken.network.cidr}.", hint, node.ref
                )
    if any(start <= address <= end for start, end in taken.leased):
        yield warning(
            f"{what} lies in a dhcp range: it may be given to another machine.",
            "Choose an address outside the dhcp ranges, or make the range smaller.",
            node.ref,
            taken.network.ref,
        )
