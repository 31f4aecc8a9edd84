"""The primary network must be there and the node have an address on it: templates, the default
route and name servers come from it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Node, Site

ORDER, CODE, NAME = 220, "DD2904", "Primary Network"


def check(site: Site) -> Iterator[Verdict]:
    for node in site.nodes.values():
        primary = node.primary_network
        if primary is None or (primary in site.networks and _has_address(node, primary)):
            continue
        if primary not in site.networks and primary in site.network_links:
            # Published sites do so and work, where nothing asks for the primary network's address.
            yield warning(
                f"primary_network {primary} of node {node.name} is a network link, not a network: "
                "the node has no primary network.",
                _advice(node, primary),
                node.ref,
            )
        elif primary not in site.networks:
            yield error(
                f"primary_network {primary} of node {node.name} is not defined.",
                _advice(node, primary),
                node.ref,
            )
        else:
            yield error(
                f"node {node.name} has no address on its primary_network {primary}.",
                f"Add {primary} to the node's addressing. {_advice(node, primary)}",
                node.ref,
            )


def _has_address(node: Node, primary: str) -> bool:
    for entry in node.addressing:  # noqa: SIM110, any() takes three times as long
        if entry.network == primary:
            return True
    return False


def _advice(node: Node, primary: str) -> str:
    names = [entry.network for entry in node.addressing]
    close = get_close_matches(primary, names, 1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"The node has addresses on {', '.join(names) or 'no network'}.{meant}"
