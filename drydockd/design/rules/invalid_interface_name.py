"""Linux takes interface names of at most 15 characters, and each once."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error, warning
from drydockd.site import Interface, Site

ORDER, CODE, NAME = 240, "DD2906", "Interface Names"

# IFNAMSIZ is 16, the zero at the end included; source: linux/if.h, dev_valid_name.
LONGEST = 15


def check(site: Site) -> Iterator[Verdict]:
    judged: dict[int, list[tuple[bool, str, str]]] = {}
    for node in site.nodes.values():
        key = id(node.interfaces)
        if key not in judged:
            judged[key] = list(_judge(site, node.interfaces))
        for is_error, text, hint in judged[key]:
            say = error if is_error else warning
            yield say(f"node {node.name}: {text}", hint, node.ref)


def _judge(site: Site, interfaces: tuple[Interface, ...]) -> Iterator[tuple[bool, str, str]]:
    taken: dict[str, str] = {}
    for interface in interfaces:
        name = interface.device_name
        if problem := _problem(name):
            yield (
                True,
                f"interface name {name!r:.80} {problem}.",
                f"Name it with 1 to {LONGEST} characters, no blanks, no / and no colon.",
            )
        taken.setdefault(name, f"interface {name}")
    for interface in interfaces:
        for vlan_id, network in _tagged(site, interface):
            name = f"{interface.device_name}.{vlan_id}"
            first = taken.setdefault(name, f"interface {interface.device_name}")
            if first == f"interface {name}":
                yield (
                    True,
                    f"interface {name} has the name of VLAN {vlan_id} (network {network}) "
                    f"on {interface.device_name}.",
                    "Rename the interface, or let it carry the network itself.",
                )
            elif len(name) > LONGEST >= len(interface.device_name):
                yield (
                    False,
                    f"VLAN {vlan_id} (network {network}) on interface {interface.device_name} "
                    f"would be {name}, of {len(name)} characters: Linux takes {LONGEST}.",
                    "Shorten the name of the interface.",
                )


def _problem(name: str) -> str:
    if len(name.encode()) > LONGEST:
        return f"has {len(name.encode())} characters: Linux takes {LONGEST}"
    if name in ("", ".", ".."):
        return "is no name"
    if any(c.isspace() or c in "/:" or not c.isprintable() for c in name):
        return "has a blank, / or colon in it"
    return ""


def _tagged(site: Site, interface: Interface) -> Iterator[tuple[str, str]]:
    link = site.network_links.get(interface.network_link or "")
    for name in interface.networks:
        network = site.networks.get(name)
        is_native = link is not None and link.native_network == name
        if network is not None and network.vlan_id is not None and not is_native:
            yield network.vlan_id, name
