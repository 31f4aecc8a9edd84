"""What http references may reach: hosts by name, and the addresses those may have.

A caller who may create tasks must not talk through the server to what only it can reach.
Every refusal names the option that would allow it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from drydockd.errors import InvalidDesign

OPTION = "network.allowed_hosts"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services outside 169.254.0.0/16: AWS over IPv6, Alibaba, Oracle, Azure's wire server.
_METADATA = {
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
_SHARED = ipaddress.ip_network("100.64.0.0/10")


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
        where = f"{shown}: {host} has the address {address}, which is"
        if address.is_link_local or address in _METADATA:
            raise InvalidDesign(f"{where} link-local or a metadata service; no option allows it")
        # ::1 is in a block that is reserved as a whole.
        reserved = address.is_reserved and not address.is_loopback
        if address.is_multicast or address.is_unspecified or reserved:
            raise InvalidDesign(f"{where} no address of one host; no option allows it")
        entry = _entry(self._listed, host, port)
        if address.is_loopback:
            if not (self._allow_loopback or (entry and _is_loopback(host))):
                raise InvalidDesign(
                    f"{where} loopback; list localhost or the address itself in {OPTION}"
                )
        elif not _is_public(address):
            listed = entry is not None and not entry.startswith("*")
            if not (self._allow_private or listed):
                raise InvalidDesign(f"{where} private; list the host by name in {OPTION}")


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


def _meant(address: Address) -> tuple[Address, ...]:
    """The addresses a connection to `address` may end at: IPv4 in IPv6 is no way round a check."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None or address in _NAT64 or address in _COMPATIBLE:
        return (last,) if int(address) > 1 else (address,)
    inner = (*(address.teredo or ()), *((address.sixtofour,) if address.sixtofour else ()))
    return (address, *inner)


def _is_public(address: Address) -> bool:
    return address.is_global and address not in _SHARED


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
