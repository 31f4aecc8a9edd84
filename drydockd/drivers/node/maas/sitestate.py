"""What MAAS has of a site: fabrics, VLANs, subnets, ranges, routes, domains, rack controllers.

Read in one go before anything is planned; only what is used of each answer is kept.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drydockd.drivers.node.maas.checking import is_healthy
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at

Document = Mapping[str, Any]


def plain_cidr(text: str) -> str:
    """``10.0.0.5/24`` -> ``10.0.0.0/24``, the form in which MAAS keeps it. Raises ValueError."""
    return str(ipaddress.ip_network(text.strip(), strict=False))


@dataclass(frozen=True, slots=True)
class Vlan:
    """`vid` is its tag, by which its path is made; racks are system ids."""

    id: int
    fabric_id: int
    vid: int
    name: str
    mtu: int
    dhcp_on: bool = False
    primary_rack: str | None = None
    secondary_rack: str | None = None
    relay_vlan: int | None = None


@dataclass(frozen=True, slots=True)
class Subnet:
    id: int
    name: str
    cidr: str
    vlan_id: int
    fabric_id: int
    gateway: str | None = None
    dns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """`type` is ``dynamic`` or ``reserved``; both ends belong to it."""

    id: int
    type: str
    start: str
    end: str
    cidr: str
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.type} {self.start} to {self.end}"

    def overlaps(self, start: str, end: str) -> bool:
        ends = [ipaddress.ip_address(text) for text in (self.start, self.end, start, end)]
        if len({address.version for address in ends}) > 1:
            return False
        mine, my_end, other, other_end = (int(address) for address in ends)
        return mine <= other_end and other <= my_end


@dataclass(frozen=True, slots=True)
class StaticRoute:
    id: int
    source: str
    destination: str
    gateway: str
    metric: int


@dataclass(frozen=True, slots=True)
class Rack:
    """`places` are the VLANs that it has an interface on, each with its addresses there."""

    sid: str
    hostname: str
    is_healthy: bool
    places: Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class SiteState:
    fabrics: Mapping[int, str]
    vlans: Mapping[int, Vlan]
    subnets: Mapping[str, Subnet]
    ranges: Sequence[Range]
    routes: Sequence[StaticRoute]
    domains: frozenset[str]
    racks: Sequence[Rack]

    def fabric_named(self, name: str) -> int | None:
        return next((key for key, known in self.fabrics.items() if known == name), None)

    def vlan_at(self, fabric_id: int, vid: int) -> Vlan | None:
        for vlan in self.vlans.values():
            if (vlan.fabric_id, vlan.vid) == (fabric_id, vid):
                return vlan
        return None


async def read(client: MaasClient, *, with_racks: bool) -> SiteState:
    """Return what there is now. `with_racks`: also rack controllers, a large answer."""
    fabrics = await client.get(at("fabrics"))
    vlans = [vlan_of(vlan) for fabric in fabrics for vlan in fabric.get("vlans") or ()]
    subnets = [subnet_of(subnet) for subnet in await client.get(at("subnets"))]
    ranges = await client.get(at("ipranges"))
    routes = await client.get(at("static-routes"))
    domains = await client.get(at("domains"))
    racks = await client.get(at("rackcontrollers")) if with_racks else ()
    return SiteState(
        {int(fabric["id"]): str(fabric["name"]) for fabric in fabrics},
        {vlan.id: vlan for vlan in vlans},
        {subnet.cidr: subnet for subnet in subnets},
        [_range_of(entry) for entry in ranges],
        [_route_of(entry) for entry in routes],
        frozenset(str(domain["name"]) for domain in domains),
        [_rack_of(rack) for rack in racks],
    )


def vlan_of(document: Document) -> Vlan:
    relay = document.get("relay_vlan")
    return Vlan(
        id=int(document["id"]),
        fabric_id=int(document["fabric_id"]),
        vid=int(document["vid"]),
        name=str(document.get("name") or ""),
        mtu=int(document.get("mtu") or 1500),
        dhcp_on=bool(document.get("dhcp_on")),
        primary_rack=document.get("primary_rack") or None,
        secondary_rack=document.get("secondary_rack") or None,
        relay_vlan=int(relay["id"]) if isinstance(relay, Mapping) else relay,
    )


def subnet_of(document: Document) -> Subnet:
    vlan = document["vlan"]
    return Subnet(
        id=int(document["id"]),
        name=str(document.get("name") or ""),
        cidr=plain_cidr(str(document["cidr"])),
        vlan_id=int(vlan["id"]),
        fabric_id=int(vlan["fabric_id"]),
        gateway=document.get("gateway_ip") or None,
        dns=tuple(map(str, document.get("dns_servers") or ())),
    )


def _range_of(document: Document) -> Range:
    return Range(
        id=int(document["id"]),
        type=str(document["type"]),
        start=str(document["start_ip"]),
        end=str(document["end_ip"]),
        cidr=plain_cidr(str(document["subnet"]["cidr"])),
        comment=str(document.get("comment") or ""),
    )


def _route_of(document: Document) -> StaticRoute:
    return StaticRoute(
        id=int(document["id"]),
        source=plain_cidr(str(document["source"]["cidr"])),
        destination=plain_cidr(str(document["destination"]["cidr"])),
        gateway=str(document["gateway_ip"]),
        metric=int(document.get("metric") or 0),
    )


def _rack_of(document: Document) -> Rack:
    places: dict[int, tuple[str, ...]] = {}
    for vlan_id, address in _places(document):
        places[vlan_id] = (*places.get(vlan_id, ()), *([address] if address else []))
    return Rack(
        str(document["system_id"]), str(document.get("hostname")), is_healthy(document), places
    )


def _places(document: Document) -> Iterator[tuple[int, str]]:
    for interface in document.get("interface_set") or ():
        if not (vlan := interface.get("vlan")):
            continue
        yield int(vlan["id"]), ""
        for link in interface.get("links") or ():
            yield int(vlan["id"]), str(link.get("ip_address") or "")
