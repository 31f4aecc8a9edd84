"""Who gives machines their addresses on boot networks: dnsmasq of our own, or the site.

What is served is kept, so that a restarted daemon serves it again without being told.
Source: contract, netboot, sections 9 and 10.2.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from pydantic import TypeAdapter

from drydockd.drivers.base import Shelf, SiteNote
from drydockd.drivers.node.netboot.dhcpconf import BootNetwork, LocalInterface, boot_networks
from drydockd.drivers.node.netboot.dnsmasq import Dnsmasq
from drydockd.drivers.node.netboot.interfaces import local_interfaces
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.errors import DriverTransient
from drydockd.site import Network, Node

RECORD = "networks"
_networks = TypeAdapter(tuple[BootNetwork, ...])


class Addresses(Protocol):
    """How boot networks get their addresses."""

    async def start(self, shelf: Shelf) -> None:
        """Serve again what was served before."""
        ...

    async def apply(self, networks: Mapping[str, Network]) -> Sequence[SiteNote]:
        """Serve the networks that have a dhcp range. Raises DriverPersistent."""
        ...

    async def reserve(self, mac: str, node: Node) -> str | None:
        """Return the address that only `mac` gets on a boot network; None: any."""
        ...

    async def restore(self, mac: str, address: str, name: str) -> None:
        """Reserve again what `reserve` returned for the machine, maybe on another host."""
        ...

    async def release(self, mac: str) -> None: ...

    def interfaces_for(self, address: str | None) -> frozenset[str] | None:
        """Return the interfaces of this host through which the machine of that address may ask
        what to start, or one whose address is not known; None: through all."""
        ...

    def check(self) -> Sequence[SiteNote]: ...

    async def close(self) -> None: ...


def addresses_of(options: NetbootOptions) -> Addresses:
    if options.dhcp == "none":
        return SiteAddresses()
    return OwnAddresses(
        Dnsmasq(
            options.state,
            options.base_url,
            is_child=options.dnsmasq == "child",
            is_proxy=options.dhcp == "proxy",
        ),
        gives_addresses=options.dhcp == "own",
        # The listener itself speaks clear text to iPXE: somebody else is asked, and asks us.
        is_direct=options.dhcp == "own" or options.base_url.startswith("http:"),
    )


class SiteAddresses:
    """The site's own DHCP server points machines at us."""

    async def start(self, shelf: Shelf) -> None:
        """Holds nothing."""

    async def apply(self, networks: Mapping[str, Network]) -> Sequence[SiteNote]:
        return [
            _note(name, "the site's own DHCP server gives addresses, and must point at us")
            for name, network in networks.items()
            if _has_range(network)
        ]

    async def reserve(self, mac: str, node: Node) -> str | None:
        return None

    async def restore(self, mac: str, address: str, name: str) -> None:
        """Holds nothing."""

    async def release(self, mac: str) -> None:
        """Holds nothing."""

    def interfaces_for(self, address: str | None) -> frozenset[str] | None:
        return None

    def check(self) -> Sequence[SiteNote]:
        return [SiteNote("addresses of boot networks come from the site's own DHCP server")]

    async def close(self) -> None:
        """Holds nothing."""


class OwnAddresses:
    """dnsmasq serves; with `gives_addresses` also addresses, else only what to start from.

    `is_direct`: machines come to the boot listener themselves, not by somebody in front of it.
    """

    def __init__(
        self,
        dnsmasq: Dnsmasq,
        *,
        gives_addresses: bool,
        is_direct: bool = True,
        interfaces: Callable[[], Awaitable[list[LocalInterface]]] = local_interfaces,
    ) -> None:
        self._dnsmasq = dnsmasq
        self._gives_addresses = gives_addresses
        self._is_direct = is_direct
        self._interfaces = interfaces
        self._served: tuple[BootNetwork, ...] = ()
        self._shelf: Shelf | None = None

    async def start(self, shelf: Shelf) -> None:
        self._shelf = shelf
        kept = shelf.record(RECORD)
        if kept is not None:
            self._served = _networks.validate_python(kept["networks"])
            await self._dnsmasq.apply(self._served)

    async def apply(self, networks: Mapping[str, Network]) -> Sequence[SiteNote]:
        if self._shelf is None:
            raise DriverTransient("netboot: not started yet")
        served = tuple(boot_networks(networks, await self._interfaces()))
        is_new = await self._dnsmasq.apply(served)
        await self._shelf.put({RECORD: {"networks": [asdict(network) for network in served]}})
        self._served = served
        verdict = "served now" if is_new else "served as before"
        return [
            _note(n.name, f"{verdict}, {f'on {n.interface}' if n.interface else 'behind a relay'}")
            for n in served
        ]

    async def reserve(self, mac: str, node: Node) -> str | None:
        if not self._gives_addresses:
            return None
        for network in self._served:
            address = node.address_on(network.name)
            if address is not None:
                await self._dnsmasq.reserve(mac, address, node.name)
                return address
        return None

    async def restore(self, mac: str, address: str, name: str) -> None:
        if self._gives_addresses:
            await self._dnsmasq.reserve(mac, address, name)

    async def release(self, mac: str) -> None:
        await self._dnsmasq.release([mac])

    def interfaces_for(self, address: str | None) -> frozenset[str] | None:
        if not self._is_direct:
            return None
        networks = [n for n in self._served if address is None or _is_in(address, n)]
        if any(network.interface is None for network in networks):
            return None  # behind a relay: routes decide where its packets come in
        return frozenset(network.interface or "" for network in networks)

    def check(self) -> Sequence[SiteNote]:
        problem = self._dnsmasq.problem()
        if problem is not None:
            return [SiteNote(f"netboot: {problem}", error=True)]
        names = ", ".join(network.name for network in self._served)
        return [SiteNote(f"dnsmasq serves {names or 'no boot network yet (prepare_site)'}")]

    async def close(self) -> None:
        await self._dnsmasq.close()


def _is_in(address: str, network: BootNetwork) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network.cidr)


def _has_range(network: Network) -> bool:
    return any(part.type == "dhcp" for part in network.ranges)


def _note(name: str, text: str) -> SiteNote:
    return SiteNote(f"network {name}: {text}", context_type="network", context=name)
