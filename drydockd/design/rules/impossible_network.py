"""What no network plan can be made of, whatever the machine has, is said before it is touched."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.network_plan import interface_problems
from drydockd.design.rules import Verdict, error
from drydockd.site import Interface, Site

ORDER, CODE, NAME = 230, "DD2905", "Network Plan"

HINT = "Correct the interface, its link or the network; every node that uses them is affected."


def check(site: Site) -> Iterator[Verdict]:
    # Nodes without interfaces of their own hold the very tuple of their profile.
    judged: dict[int, list[str]] = {}
    for node in site.nodes.values():
        key = id(node.interfaces)
        if key not in judged:
            judged[key] = [
                f"interface {interface.device_name}: {problem}."
                for interface in node.interfaces
                for problem in _problems(site, interface)
            ]
        for text in judged[key]:
            yield error(f"node {node.name}: {text}", HINT, node.ref)


def _problems(site: Site, interface: Interface) -> Iterator[str]:
    if interface.network_link is None:
        return
    link = site.network_links.get(interface.network_link)
    if link is None:
        # With networks it is rule DD1007's.
        if not interface.networks:
            yield f"device_link {interface.network_link} is not defined"
    elif "noconfig" not in link.metalabels:
        yield from interface_problems(site, interface, link)
