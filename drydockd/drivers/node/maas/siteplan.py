"""What a design wants of MAAS for its site, and what of that cannot be. Pure.

NetworkLink -> fabric, Network -> VLAN and subnet, ranges, routes. Source: contract, maas,
section 5, and maas-facts, rows 9 to 13.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from drydockd.drivers.base import SiteNote
from drydockd.drivers.node.maas.sitestate import Rack, Range, SiteState, Vlan, plain_cidr
from drydockd.errors import DriverConflict
from drydockd.site import Network, NetworkLink

COMMENT = "made by drydockd"
NO_CONFIG = "noconfig"
EVERYWHERE = ("0.0.0.0/0", "::/0")
METRIC = 100
# What a range of the design is in MAAS; static addresses are given by machines.
TYPES: Mapping[str, str] = {"dhcp": "dynamic", "reserved": "reserved"}


@dataclass(frozen=True, slots=True)
class WantedRange:
    type: str
    start: str
    end: str

    def __str__(self) -> str:
        return f"{self.type} {self.start} to {self.end}"


@dataclass(frozen=True, slots=True)
class WantedRoute:
    source: str
    destination: str
    gateway: str
    metric: int


@dataclass(frozen=True, slots=True)
class WantedNetwork:
    """`mtu` is None where the VLAN keeps its own; `relay` is the address DHCP is relayed to.

    `is_judged`: not labelled ``noconfig``; of others, what goes wrong is told, but is no error.
    """

    name: str
    cidr: str
    vid: int
    mtu: int | None
    gateway: str | None
    dns: tuple[str, ...]
    domain: str | None
    ranges: tuple[WantedRange, ...]
    routes: tuple[WantedRoute, ...]
    relay: str | None
    is_judged: bool = True

    @property
    def has_dhcp(self) -> bool:
        return any(wanted.type == "dynamic" for wanted in self.ranges)


@dataclass(frozen=True, slots=True)
class WantedLink:
    name: str
    mtu: int
    networks: tuple[WantedNetwork, ...]


@dataclass(frozen=True, slots=True)
class SitePlan:
    """`problems` are told as errors; what they are about is left out of `links`.

    `left_alone` are the CIDRs of networks that the design has and that are not written: nothing
    of theirs is removed either.
    """

    links: tuple[WantedLink, ...]
    problems: tuple[SiteNote, ...] = field(default=())
    left_alone: frozenset[str] = frozenset()

    @property
    def networks(self) -> tuple[WantedNetwork, ...]:
        return tuple(network for link in self.links for network in link.networks)


def plan(links: Mapping[str, NetworkLink], networks: Mapping[str, Network]) -> SitePlan:
    """Return what is wanted. A link labelled ``noconfig`` is left alone, with its networks."""
    wanted: list[WantedLink] = []
    problems: list[SiteNote] = []
    home: dict[str, str] = {}
    owners: dict[str, str] = {}
    for link in links.values():
        if NO_CONFIG in link.metalabels:
            continue
        there: list[WantedNetwork] = []
        for name in link.allowed_networks:
            network = networks.get(name)
            if network is None:
                problems.append(_link_problem(link, f"network {name} is not defined"))
            elif name in home:
                text = f"is on link {home[name]} already; MAAS has a subnet on one VLAN"
                problems.append(_network_problem(network, f"{text}, so not on {link.name}"))
            else:
                home[name] = link.name
                there += _checked(network, owners, problems)
        wanted.append(WantedLink(link.name, link.mtu, tuple(there)))
    written = {network.cidr for link in wanted for network in link.networks}
    left_alone = {cidr for network in networks.values() if (cidr := _cidr(network))} - written
    return SitePlan(tuple(wanted), tuple(problems), frozenset(left_alone))


def check(wanted: SitePlan, state: SiteState, removed: Sequence[Range]) -> None:
    """Look at every range before the first write.

    Raises DriverConflict: one would overlap another that stays, naming both.
    """
    stays = [known for known in state.ranges if known not in removed]
    seen: list[tuple[str, WantedRange]] = []
    for network in wanted.networks:
        for one in network.ranges:
            for known in stays:
                is_same = (known.type, known.start, known.end) == (one.type, one.start, one.end)
                if not is_same and known.overlaps(one.start, one.end):
                    raise DriverConflict(
                        f"network {network.name}: range {one} overlaps {known} of subnet "
                        f"{known.cidr} in MAAS ({known.comment or 'no comment'}); remove one"
                    )
            for other, before in seen:
                if Range(0, *_ends(before), cidr="").overlaps(one.start, one.end):
                    raise DriverConflict(
                        f"network {network.name}: range {one} overlaps {before} of network {other} "
                        "in the design; MAAS takes one of them"
                    )
            seen.append((network.name, one))


def stale_ranges(wanted: SitePlan, state: SiteState) -> Sequence[Range]:
    """Ranges that drydockd made and the design has no more."""
    there = {
        (network.cidr, one.type, one.start, one.end)
        for network in wanted.networks
        for one in network.ranges
    }
    return [
        known
        for known in state.ranges
        if known.comment.startswith(COMMENT)
        and known.cidr not in wanted.left_alone
        and (known.cidr, known.type, known.start, known.end) not in there
    ]


def fabric_of(link: WantedLink, state: SiteState) -> int | None:
    """Return the fabric that has the link's subnets, else the one of its name; None: neither.

    Raises ValueError: they are on several.
    """
    there = {
        subnet.fabric_id
        for network in link.networks
        if (subnet := state.subnets.get(network.cidr)) is not None
    }
    if len(there) > 1:
        names = ", ".join(sorted(state.fabrics[key] for key in there))
        raise ValueError(f"its subnets are on several fabrics of MAAS ({names}); move them to one")
    named = state.fabric_named(link.name)
    if there and named is not None and named not in there:
        raise ValueError(
            f"its subnets are on fabric {state.fabrics[min(there)]} of MAAS, and another fabric "
            "has the link's name; remove that one, or move the subnets there"
        )
    return min(there) if there else named


def racks_for(vlan: Vlan, racks: Sequence[Rack]) -> tuple[str | None, str | None]:
    """Return primary and secondary rack for DHCP on `vlan`; those that serve already go first."""
    there = [rack for rack in racks if vlan.id in rack.places]
    healthy = [rack.sid for rack in there if rack.is_healthy]
    if not healthy:
        return None, None
    primary = vlan.primary_rack if vlan.primary_rack in healthy else healthy[0]
    known = [rack.sid for rack in there if rack.sid == vlan.secondary_rack]
    others = [sid for sid in (*known, *healthy) if sid != primary]
    return primary, others[0] if others else None


def relay_for(target: str, racks: Sequence[Rack]) -> int | None:
    """Return the id of the VLAN on which a healthy rack controller has the address `target`."""
    for rack in racks:
        for vlan_id, addresses in rack.places.items():
            if rack.is_healthy and target in addresses:
                return vlan_id
    return None


def _checked(
    network: Network, owners: dict[str, str], problems: list[SiteNote]
) -> list[WantedNetwork]:
    """`owners`: which network has a CIDR; MAAS has each once."""
    try:
        wanted = _wanted(network)
        first = owners.setdefault(wanted.cidr, network.name)
        if first != network.name:
            raise ValueError(f"{wanted.cidr} is that of network {first}; MAAS has a subnet once")
    except ValueError as error:
        problems.append(_network_problem(network, str(error)))
        return []
    return [wanted]


def _wanted(network: Network) -> WantedNetwork:
    cidr = plain_cidr(network.cidr)
    vid = int(network.vlan_id or 0)
    if not 0 <= vid <= 4094:
        raise ValueError(f"vlan {vid} is no VLAN id, 0 to 4094")
    # Designs write commas, blanks, or both.
    servers = (network.dns_servers or "").replace(",", " ").split()
    return WantedNetwork(
        name=network.name,
        cidr=cidr,
        vid=vid,
        mtu=network.mtu,
        gateway=network.default_gateway,
        dns=tuple(str(ipaddress.ip_address(server)) for server in servers),
        domain=network.dns_domain or None,
        ranges=tuple(
            WantedRange(
                TYPES[one.type],
                str(ipaddress.ip_address(one.start)),
                str(ipaddress.ip_address(one.end)),
            )
            for one in network.ranges
            if one.type in TYPES
        ),
        routes=tuple(_routes(network, cidr)),
        relay=network.dhcp_relay_upstream_target or None,
        is_judged=_is_judged(network),
    )


def _routes(network: Network, cidr: str) -> Iterator[WantedRoute]:
    source = ipaddress.ip_network(cidr)
    for route in network.routes:
        # A route domain's placeholder has no subnet; its expansion stands beside it.
        if not route.subnet or not route.gateway or route.subnet in EVERYWHERE:
            continue
        destination = plain_cidr(route.subnet)
        if destination == cidr:
            continue
        if ipaddress.ip_address(route.gateway) not in source:
            raise ValueError(f"route to {destination}: gateway {route.gateway} is not in {cidr}")
        metric = METRIC if route.metric is None else route.metric
        yield WantedRoute(cidr, destination, route.gateway, metric)


def _cidr(network: Network) -> str | None:
    try:
        return plain_cidr(network.cidr)
    except ValueError:
        return None


def _ends(wanted: WantedRange) -> tuple[str, str, str]:
    return wanted.type, wanted.start, wanted.end


def _link_problem(link: NetworkLink, text: str) -> SiteNote:
    return SiteNote(f"link {link.name}: {text}", True, "network_link", link.name)


def _network_problem(network: Network, text: str) -> SiteNote:
    name = network.name
    return SiteNote(f"network {name}: {text}", _is_judged(network), "network", name)


def _is_judged(network: Network) -> bool:
    return NO_CONFIG not in network.metalabels
