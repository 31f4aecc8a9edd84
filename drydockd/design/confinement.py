"""What http references may reach: hosts by name, and the addresses those may have.

A caller who may create tasks must not talk through the server to what only it can reach.
Every refusal names the option that would allow it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import StrEnum

from drydockd.errors import InvalidDesign

OPTION = "network.allowed_hosts"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services outside 169.254.0.0/16: AWS over IPv6, Alibaba, Oracle, Azure's wire server.
_METADATA = {
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
}


class Kind(StrEnum):
    """What an address is, as the end of a refusal has it."""

    PUBLIC = "public"
    PRIVATE = f"private; list the host by name in {OPTION}"
    LOOPBACK = f"loopback; list localhost or the address itself in {OPTION}"
    LINK = "link-local or a metadata service; no option allows it"
    NOBODY = "no address of one host; no option allows it"


# Every range that is not simply public; of several that hold an address the narrowest counts.
# Ours, because what `ipaddress` calls global differs from one Python to the next, and
# fec0::/10, 64:ff9b::/96 and 2002::/16 are global to it. docs/designs.md says why for each.
# Source: IANA's registries of special-purpose addresses, RFC 6890 and the RFCs named there.
_RANGES = {
    Kind.PRIVATE: (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15"),
        *("192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
        *("fc00::/7", "fec0::/10", "2001::/23", "2001:db8::/32", "3fff::/20"),
    ),
    Kind.LOOPBACK: ("127.0.0.0/8", "::1/128"),
    Kind.LINK: ("169.254.0.0/16", "fe80::/10"),
    Kind.NOBODY: (
        *("0.0.0.0/8", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Of IPv6 only 2000::/3 is given out; ::/0 is the rest, ff00::/8 included.
        *("::/0", "2001::/32", "2001:10::/28", "2001:20::/28", "2001:30::/28"),
    ),
    Kind.PUBLIC: ("0.0.0.0/0", "2000::/3", "2001:3::/32", "2001:4:112::/48"),
}
_BY_WIDTH = sorted(
    ((ipaddress.ip_network(text), kind) for kind, texts in _RANGES.items() for text in texts),
    key=lambda entry: -entry[0].prefixlen,
)
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


class Hosts:
    """Which hosts http references may name, and which addresses those may have.

    `allowed` holds ``host``, ``host:port``, ``*.domain`` or ``*``; empty: any host with a public
    address. A host that is listed by name may have a private address too. Loopback
    addresses are for hosts listed as such (``localhost``, ``127.0.0.1``). Link-local and
    metadata addresses are for nobody. `trusted` hosts (those the service token may go to)
    count as listed, but do not make the list a restriction.
    """

    def __init__(
        self,
        allowed: Iterable[str] = (),
        *,
        trusted: Iterable[str] = (),
        allow_private: bool = False,
        allow_loopback: bool = False,
    ) -> None:
        self._listed = [entry.lower() for entry in allowed]
        self._restricted = bool(self._listed)
        self._listed += [entry.lower() for entry in trusted]
        self._allow_private = allow_private
        self._allow_loopback = allow_loopback

    def check_name(self, shown: str, host: str, port: int) -> None:
        """Raise InvalidDesign unless `host` may be named at all."""
        if self._restricted and _entry(self._listed, host, port) is None:
            raise InvalidDesign(
                f"{shown}: the host {host}:{port} is not allowed; "
                f"the option {OPTION} lists the hosts that are"
            )

    def check_address(self, shown: str, host: str, port: int, text: str) -> None:
        """Raise InvalidDesign unless `host` may have the address `text`."""
        for address in _meant(ipaddress.ip_address(text.partition("%")[0])):
            self._check_one(shown, host, port, address)

    def _check_one(self, shown: str, host: str, port: int, address: Address) -> None:
        kind = kind_of(address)
        entry = _entry(self._listed, host, port)
        is_listed = entry is not None and not entry.startswith("*")
        if (
            kind is Kind.PUBLIC
            or (kind is Kind.PRIVATE and (self._allow_private or is_listed))
            or (kind is Kind.LOOPBACK and (self._allow_loopback or (entry and _is_loopback(host))))
        ):
            return
        raise InvalidDesign(f"{shown}: {host} has the address {address}, which is {kind}")


class ServiceHosts:
    """Which hosts get the service token; an empty list: none."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = [entry.lower() for entry in allowed]

    def check_name(self, shown: str, host: str, port: int) -> None:
        """Raise InvalidDesign unless `host` may be sent the token."""
        if _entry(self._allowed, host, port) is None:
            raise InvalidDesign(
                f"{shown}: the service token is not sent to {host}:{port}; "
                "the option auth.service_hosts lists the hosts that get it"
            )


def _entry(allowed: list[str], host: str, port: int) -> str | None:
    """The entry of a list that covers the host; the most particular one."""
    literal = f"[{host}]" if ":" in host else host
    parts = host.split(".")
    domains = {"*." + ".".join(parts[i:]) for i in range(1, len(parts))}
    for wanted in ({host, literal}, domains, {"*"}):
        for entry in allowed:
            if entry in wanted or entry.removesuffix(f":{port}") in wanted:
                return entry
    return None


def kind_of(address: Address) -> Kind:
    """Return what `address` is; one that stands for another is judged by `_meant` as well."""
    if address in _METADATA:
        return Kind.LINK
    return next(kind for network, kind in _BY_WIDTH if address in network)


def _meant(address: Address) -> tuple[Address, ...]:
    """The addresses a connection to `address` may end at: IPv4 in IPv6 is no way round a check."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _MAPPED or address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return (last,)
    if address.sixtofour is not None:
        return (address, address.sixtofour)
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return (address, last)
    return (address,)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
