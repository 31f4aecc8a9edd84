"""A virtual node needs the URI of its hypervisor and the MAC address it boots from."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.site import Node, Site

ORDER, CODE, NAME = 160, "DD4002", "Valid Libvirt Configuration"

SCHEME = "qemu+ssh"


def check(site: Site) -> Iterator[Verdict]:
    for node in site.nodes.values():
        if node.oob_type == "libvirt":
            yield from _judge(node)


def _judge(node: Node) -> Iterator[Verdict]:
    uri = node.oob_parameters.get("libvirt_uri")
    if not uri:
        yield error(
            f"node {node.name} has oob.type libvirt but no oob.libvirt_uri.",
            f"Set oob.libvirt_uri to {SCHEME}://<user>@<hypervisor>/system.",
            node.ref,
        )
    else:
        scheme, separator, _ = uri.partition(":")
        # Not the URI itself: it may carry a password.
        if scheme != SCHEME or not separator:
            seen = repr(scheme) if separator else "none"
            yield error(
                f"oob.libvirt_uri of node {node.name} has scheme {seen}, not {SCHEME}.",
                f"Write {SCHEME}://<user>@<hypervisor>/system.",
                node.ref,
            )
    if not node.boot_mac:
        yield error(
            f"node {node.name} has oob.type libvirt but no metadata.boot_mac.",
            "Set metadata.boot_mac to the MAC address the node boots from.",
            node.ref,
        )
