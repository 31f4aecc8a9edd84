"""Whose request it is when a proxy stands between: X-Forwarded-For, from trusted ones only."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

# How a socket that listens for both families names an IPv4 address. RFC 4291, section 2.5.5.2.
MAPPED = "::ffff:"


def plain(address: str) -> str:
    """Return an IPv4 address as IPv4 writes it, also one that was mapped into IPv6.

    So that rules, logs and counters see one name for one caller. Other text is left alone.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return address if mapped is None else str(mapped)


class Proxies:
    """Tells the address of the caller. `trusted` are networks such as ``10.0.0.0/8``."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = tuple(ipaddress.ip_network(net, strict=False) for net in trusted)

    def remote(self, peer: str, forwarded: str | None) -> str:
        """Return the nearest address that is no trusted proxy; `peer` itself when it is none.

        `forwarded` is read from the right: what stands further left anybody may have written.
        """
        if not self._trusted or forwarded is None or not self.is_trusted(peer):
            return peer
        remote = peer
        for hop in reversed(forwarded.split(",")):
            address = plain(hop.strip().strip("[]"))
            try:
                ipaddress.ip_address(address)
            except ValueError:
                return remote
            remote = address
            if not self.is_trusted(address):
                return remote
        return remote

    def is_trusted(self, address: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        if not self._trusted:
            return False
        try:
            ip = ipaddress.ip_address(plain(address.partition("%")[0]))
        except ValueError:
            return False
        return any(ip in net for net in self._trusted)
