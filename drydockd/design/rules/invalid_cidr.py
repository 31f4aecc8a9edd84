"""A network's `cidr` must be a network: an IPv4 or IPv6 prefix without host bits."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.addresses import network_form, pack_network
from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Site

ORDER, CODE, NAME = 20, "DD2006", "CIDR Validity"


def check(site: Site) -> Iterator[Verdict]:
    if not site.networks:
        yield warning("no networks found.", "A design without Network documents is incomplete.")
    for network in site.networks.values():
        if pack_network(network.cidr) is not None:
            continue
        proposal = network_form(network.cidr)
        if proposal is None:
            yield error(
                f"cidr {network.cidr!r} of network {network.name} is not an IP network.",
                "Write an IPv4 or IPv6 network such as 10.1.2.0/24 or 2001:db8:1::/64.",
                network.ref,
            )
        else:
            yield error(
                f"cidr {network.cidr} of network {network.name} has host bits set.",
                f"The network this address belongs to is {proposal}.",
                network.ref,
            )
