"""Networks, and the links that carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.site.findings import DocumentRef


@dataclass(frozen=True, slots=True)
class NetworkLink:
    """`written` keeps the bonding options as the document had them, for rule DD1006."""

    name: str
    allowed_networks: tuple[str, ...] = ()
    bonding_mode: str = "disabled"
    bonding_xmit_hash: str | None = None
    bonding_peer_rate: str | None = None
    bonding_mon_rate: int | None = None
    bonding_up_delay: int | None = None
    bonding_down_delay: int | None = None
    mtu: int = 1500
    linkspeed: str = "auto"
    trunk_mode: str = "disabled"
    native_network: str | None = None
    metalabels: Mapping[str, str | None] = field(default_factory=dict)
    written: Mapping[str, object] = field(default_factory=dict)

    @property
    def ref(self) -> DocumentRef:
        return DocumentRef("drydock/NetworkLink/v1", self.name)


@dataclass(frozen=True, slots=True)
class AddressRange:
    type: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Route:
    """`rendered` marks a route that came from a route domain, not from the document."""

    subnet: str | None
    gateway: str | None
    metric: int | None = None
    routedomain: str | None = None
    rendered: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    name: str
    cidr: str
    vlan_id: str | None = None
    mtu: int | None = None
    routedomain: str | None = None
    ranges: tuple[AddressRange, ...] = ()
    dns_domain: str | None = "local"
    dns_servers: str | None = None
    dhcp_relay_self_ip: str | None = None
    dhcp_relay_upstream_target: str | None = None
    routes: tuple[Route, ...] = ()
    metalabels: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def ref(self) -> DocumentRef:
        return DocumentRef("drydock/Network/v1", self.name)

    @property
    def default_gateway(self) -> str | None:
        """Gateway of the first route to everywhere, if any."""
        for route in self.routes:
            if route.subnet in ("0.0.0.0/0", "::/0"):
                return route.gateway
        return None
