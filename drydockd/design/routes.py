"""Route domains: each network learns the way to the members of the domains it routes to.

Source: contract, effective-design, section 6.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import replace

from drydockd.errors import InvalidDesign
from drydockd.site import Network, Route

LIMIT = 200_000


def with_route_domains(networks: Mapping[str, Network]) -> dict[str, Network]:
    """Return the networks with the rendered routes appended. The given ones stay as they are.

    Raises InvalidDesign when that would be more than any site has: the routes are as many as
    the networks squared.
    """
    domains: dict[str, list[Network]] = {}
    for network in networks.values():
        if network.routedomain is not None:
            domains.setdefault(network.routedomain, []).append(network)
    if not domains:
        return dict(networks)
    complete, count = {}, 0
    for name, network in networks.items():
        rendered = tuple(_rendered(network, domains))
        count += len(rendered)
        if count > LIMIT:
            raise InvalidDesign(f"route domains make more than {LIMIT} routes")
        complete[name] = replace(network, routes=network.routes + rendered) if rendered else network
    return complete


def _rendered(network: Network, domains: Mapping[str, list[Network]]) -> Iterator[Route]:
    own = _subnet(network.cidr)
    reached = {_subnet(route.subnet) for route in network.routes if route.subnet}
    for domain, members in domains.items():
        way = next((route for route in network.routes if route.routedomain == domain), None)
        if way is None or way.gateway is None:
            continue
        for member in members:
            subnet = _subnet(member.cidr)
            if subnet != own and subnet not in reached:
                reached.add(subnet)
                yield Route(member.cidr, way.gateway, way.metric, rendered=True)


def _subnet(cidr: str) -> object:
    """What two spellings of one subnet have in common."""
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return cidr
