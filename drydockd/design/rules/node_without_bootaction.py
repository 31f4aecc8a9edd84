"""A node that no boot action targets is installed but never made part of anything."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, warning
from drydockd.site import Site

ORDER, CODE, NAME = 170, "DD4001", "Bootaction Definition"


def check(site: Site) -> Iterator[Verdict]:
    targeted: set[str] = set()
    for action in site.bootactions.values():
        targeted.update(action.target_nodes)
    for node in site.nodes.values():
        if node.name not in targeted:
            yield warning(
                f"no boot action targets node {node.name}.",
                "Check the node_filter of the boot actions if the node should get one.",
                node.ref,
            )
