"""A node whose BMC is driven over the network needs an account and an address there.

Redfish needs the same parameters as IPMI and is judged alike. What else the drivers read of
`oob` may be left out, but not be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.oob import wrong_keys
from drydockd.site import Node, Site

ORDER, CODE, NAME = 150, "DD4001", "Valid IPMI Configuration"

NEEDED = ("account", "credential", "network")


def check(site: Site) -> Iterator[Verdict]:
    for node in site.nodes.values():
        if node.oob_type in ("ipmi", "redfish"):
            yield from _judge(node)


def _judge(node: Node) -> Iterator[Verdict]:
    parameters = node.oob_parameters
    for parameter in NEEDED:
        if not parameters.get(parameter):
            yield error(
                f"node {node.name} has oob.type {node.oob_type} but no oob.{parameter}.",
                f"Set oob.{parameter} on the node or a profile it uses.",
                node.ref,
            )
    network = parameters.get("network")
    if not (network and node.address_on(network)):
        yield error(
            f"node {node.name} has no static address on its oob network {network or '(none)'}.",
            "Add the BMC's address to the node's addressing; dhcp is not enough.",
            node.ref,
        )
    for key, wanted in wrong_keys(node.oob_type, parameters):
        yield error(
            f"oob.{key} of node {node.name} reads {parameters[key][:80]!r}, not {wanted}.",
            f"Correct oob.{key} on the node or the profile it comes from, or leave it out.",
            node.ref,
        )
