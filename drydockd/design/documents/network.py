"""Network: addresses, VLAN, DNS, routes. Source: contract, design, section 3.4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Required

from pydantic import with_config
from typing_extensions import TypedDict

from drydockd.design.addresses import family
from drydockd.design.documents.fields import CLOSED, Ip, Label, Number, Servers, Subnet, Vlan
from drydockd.design.documents.host import Violation
from drydockd.site import AddressRange, Network, Route


@with_config(CLOSED)
class RangeBody(TypedDict):
    type: Literal["static", "dhcp", "reserved"]
    start: Ip
    end: Ip


@with_config(CLOSED)
class DnsBody(TypedDict, total=False):
    domain: str
    servers: Servers


@with_config(CLOSED)
class RelayBody(TypedDict, total=False):
    self_ip: Ip
    upstream_target: Ip


@with_config(CLOSED)
class RouteBody(TypedDict, total=False):
    subnet: Subnet
    gateway: str
    metric: Number
    routedomain: str


@with_config(CLOSED)
class Body(TypedDict, total=False):
    cidr: Required[str]
    vlan: Vlan
    mtu: Number
    routedomain: str
    ranges: list[RangeBody]
    dns: DnsBody
    dhcp_relay: RelayBody
    routes: list[RouteBody]
    labels: dict[str, Label]


def violations(body: Body) -> Iterator[Violation]:
    """A route leads to a subnet of the network's own address family: its gateway is one."""
    own = family(body["cidr"])
    for i, route in enumerate(body.get("routes", ())):
        subnet = route.get("subnet")
        if subnet and own and family(subnet) != own:
            yield ("routes", i, "subnet"), f"an IPv{own} network is required, as in cidr"


def build(name: str, body: Body) -> Network:
    dns, relay = body.get("dns", {}), body.get("dhcp_relay", {})
    return Network(
        name=name,
        cidr=body["cidr"],
        vlan_id=body.get("vlan"),
        mtu=body.get("mtu"),
        routedomain=body.get("routedomain"),
        ranges=tuple(
            AddressRange(entry["type"], entry["start"], entry["end"])
            for entry in body.get("ranges", ())
        ),
        dns_domain=dns.get("domain", "local"),
        dns_servers=dns.get("servers"),
        dhcp_relay_self_ip=relay.get("self_ip"),
        dhcp_relay_upstream_target=relay.get("upstream_target"),
        routes=tuple(
            Route(
                subnet=entry.get("subnet"),
                gateway=entry.get("gateway"),
                metric=entry.get("metric"),
                routedomain=entry.get("routedomain"),
            )
            for entry in body.get("routes", ())
        ),
        metalabels=body.get("labels", {}),
    )
