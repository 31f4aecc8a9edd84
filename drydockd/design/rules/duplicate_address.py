"""Two nodes must not claim one address."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.addresses import pack
from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Node, Site

ORDER, CODE, NAME = 70, "DD2005", "Duplicated IP Check"


def check(site: Site) -> Iterator[Verdict]:
    if not site.nodes:
        yield warning(
            "no baremetal nodes found.", "A design without BaremetalNode documents is incomplete."
        )
    owner: dict[str | bytes, Node] = {}
    for node in site.nodes.values():
        for entry in node.addressing:
            address = entry.address
            if address is None or entry.type != "static":
                continue
            # An IPv4 address has one spelling, an IPv6 address many.
            key = address if ":" not in address else pack(address)
            if key is None:
                continue
            if key not in owner:
                owner[key] = node
            elif pack(address) is not None:
                yield _duplicate(address, node, owner[key])


def _duplicate(address: str, node: Node, first: Node) -> Verdict:
    if first is node:
        text = f"node {node.name} uses address {address} more than once."
    else:
        text = f"address {address} of node {node.name} is already used by node {first.name}."
    return error(text, "Give every node an address of its own.", node.ref, first.ref)
