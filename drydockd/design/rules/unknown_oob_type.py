"""An OOB driver must answer for the oob.type of every node."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.documents.violations import meant
from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Circumstances, Node, Site

ORDER, CODE, NAME = 270, "DD2909", "OOB Type"

KNOWN = ("ipmi", "redfish", "libvirt", "manual")


def check(site: Site, circumstances: Circumstances) -> Iterator[Verdict]:
    enabled = circumstances.oob_types
    if enabled == ():
        yield warning(
            "no OOB driver is enabled; the types of nodes are not checked.",
            "Enable the drivers of your BMCs in plugins.oob_driver to have them checked.",
        )
        return
    for node in site.nodes.values():
        kind = node.oob_type
        if kind is None:
            yield _missing(node, enabled)
        elif enabled is None:
            if kind not in KNOWN:
                yield warning(
                    f"oob.type {kind} of node {node.name} is none that is known here"
                    f"{meant(kind, KNOWN)}.",
                    f"Known are {', '.join(KNOWN)}; which are enabled, the daemon knows.",
                    node.ref,
                )
        elif kind not in enabled:
            known = "is not enabled" if kind in KNOWN else "is unknown"
            yield error(
                f"oob.type {kind} of node {node.name} {known}{meant(kind, enabled)}.",
                f"Enabled are {', '.join(enabled) or 'none'}: correct the type, or enable its "
                "driver in plugins.oob_driver.",
                node.ref,
            )


def _missing(node: Node, enabled: tuple[str, ...] | None) -> Verdict:
    types = KNOWN if enabled is None else enabled
    return warning(
        f"node {node.name} has no oob.type: no driver can turn it on or off.",
        f"Set oob.type on the node or a profile it uses: {', '.join(types) or 'none is enabled'}.",
        node.ref,
    )
