"""Two nodes must not have one boot MAC, one fully qualified name, or names that differ in case."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.machines import canonical_mac
from drydockd.site import Node, Site

ORDER, CODE, NAME = 280, "DD2910", "Duplicated Identity Check"

# Written where the real one is not known yet, and not looked at by IPMI and Redfish.
PLACEHOLDERS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")


def check(site: Site) -> Iterator[Verdict]:
    macs: dict[str, Node] = {}
    names: dict[str, Node] = {}
    fqdns: dict[str, Node] = {}
    for node in site.nodes.values():
        mac = canonical_mac(node.boot_mac) if node.boot_mac else None
        if mac is not None and mac not in PLACEHOLDERS:
            first = macs.setdefault(mac, node)
            if first is not node:
                yield error(
                    f"boot_mac {mac} of node {node.name} is also that of node {first.name}.",
                    "Give every node the MAC address of its own boot NIC.",
                    node.ref,
                    first.ref,
                )
        folded = node.name.lower()
        first = names.setdefault(folded, node)
        if first is not node:
            yield _same(node, first, "differ in case only")
            continue
        fqdn = site.fqdn_of(node).lower()
        first = fqdns.setdefault(fqdn, node)
        if first is not node:
            yield _same(node, first, f"are both {fqdn} with their domains")


def _same(node: Node, first: Node, what: str) -> Verdict:
    return error(
        f"the names of node {first.name} and node {node.name} {what}.",
        "Rename one of them.",
        node.ref,
        first.ref,
    )
