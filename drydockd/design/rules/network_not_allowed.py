"""A network belongs to one link, and an interface uses only networks its link allows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Interface, NetworkLink, Site

ORDER, CODE, NAME = 130, "DD1007", "Allowed Network Check"


def check(site: Site) -> Iterator[Verdict]:
    yield from _judge_links(site)
    allowed = {name: set(link.allowed_networks) for name, link in site.network_links.items()}
    # Nodes without interfaces of their own hold the very tuple of their profile.
    judged: dict[int, list[tuple[str, str]]] = {}
    for node in site.nodes.values():
        key = id(node.interfaces)
        if key not in judged:
            judged[key] = [
                found for interface in node.interfaces for found in _judge(interface, allowed)
            ]
        for text, hint in judged[key]:
            yield error(f"node {node.name}: {text}", hint, node.ref)


def _judge_links(site: Site) -> Iterator[Verdict]:
    carriers: dict[str, list[NetworkLink]] = {}
    for link in site.network_links.values():
        for name in dict.fromkeys(link.allowed_networks):
            carriers.setdefault(name, []).append(link)
            if name not in site.networks:
                yield warning(
                    f"link {link.name} allows network {name}, which is not defined.",
                    "Define the network or correct allowed_networks.",
                    link.ref,
                )
    for name, links in carriers.items():
        for first, second in combinations(links, 2):
            yield error(
                f"network {name} is allowed on link {first.name} and on link {second.name}.",
                "Allow every network on one link only.",
                first.ref,
                second.ref,
            )


def _judge(interface: Interface, allowed: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    if not interface.networks:
        return
    link = interface.network_link
    if link is None or link not in allowed:
        seen = "no device_link" if link is None else f"device_link {link}, which is not defined"
        yield (
            f"interface {interface.device_name} has networks but {seen}.",
            f"Set device_link to one of: {', '.join(allowed) or 'no link is defined'}.",
        )
        return
    for name in interface.networks:
        if name not in allowed[link]:
            yield (
                f"interface {interface.device_name} uses network {name}, "
                f"which its link {link} does not allow.",
                f"Add {name} to allowed_networks of link {link} or remove it from the interface.",
            )
