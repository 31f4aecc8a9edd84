"""dnsmasq's configuration for the boot networks, and one host file per node. Pure.

Answers come only on interfaces that a Network with a dhcp range describes.
Source: dnsmasq(8); contract, netboot, section 9, node-provisioner, section 6.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drydockd.errors import DriverPersistent
from drydockd.site import Network

LEASE_SECONDS = 3600
UNIQUE_LOCAL = ipaddress.ip_network("fc00::/7")
ANNOUNCE_SECONDS = 60
_TAG = re.compile(r"[^a-z0-9]+")
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
# Client architectures of RFC 4578 and what boots them; 16 is HTTP boot, which asks for a URL.
BIOS_ARCH = (0,)
UEFI_ARCH = (7, 9)
BIOS_FILE, UEFI_FILE = "undionly.kpxe", "ipxe.efi"


@dataclass(frozen=True, slots=True)
class LocalInterface:
    """An interface of this host, with its addresses as ``10.0.0.1/24``."""

    name: str
    addresses: tuple[str, ...]

    @property
    def is_unique_local(self) -> bool:
        """Whether it has an IPv6 address of RFC 4193."""
        return any(ipaddress.ip_interface(address).ip in UNIQUE_LOCAL for address in self.addresses)


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one dnsmasq: its leases, the host files, what TFTP serves."""

    leases: Path
    hosts: Path
    tftp: Path


@dataclass(frozen=True, slots=True)
class BootNetwork:
    """A network that is served: `ranges` are first and last address; `interface` is None for one
    behind a relay; `announces`: that interface has a unique local IPv6 address, which a router
    advertisement can be about."""

    name: str
    cidr: str
    ranges: tuple[tuple[str, str], ...]
    interface: str | None
    gateway: str | None = None
    dns_servers: tuple[str, ...] = ()
    domain: str | None = None
    announces: bool = False

    @property
    def tag(self) -> str:
        return _TAG.sub("-", self.name.lower()).strip("-") or "net"


def boot_networks(
    networks: Mapping[str, Network], interfaces: Sequence[LocalInterface]
) -> list[BootNetwork]:
    """Return the networks with a dhcp range, each with the interface it is served on.

    Raises DriverPersistent: a network on none of our interfaces and not relayed to one of
    our addresses, a range outside its network, two networks on one interface address.
    """
    served: list[BootNetwork] = []
    for network in networks.values():
        ranges = tuple((r.start, r.end) for r in network.ranges if r.type == "dhcp")
        if ranges:
            served.append(_boot_network(network, ranges, interfaces))
    tags: dict[str, str] = {}
    for boot in served:
        other = tags.setdefault(boot.tag, boot.name)
        if other != boot.name:
            raise DriverPersistent(f"networks {other} and {boot.name} differ by punctuation only")
    return served


def _boot_network(
    network: Network, ranges: tuple[tuple[str, str], ...], interfaces: Sequence[LocalInterface]
) -> BootNetwork:
    cidr = ipaddress.ip_network(network.cidr, strict=False)
    for first, last in ranges:
        for address in (first, last):
            if ipaddress.ip_address(address) not in cidr:
                raise DriverPersistent(
                    f"network {network.name}: dhcp range address {address} is not in {network.cidr}"
                )
    interface = _interface_in(cidr, interfaces)
    if interface is None:
        _check_relay(network, interfaces)
    return BootNetwork(
        name=network.name,
        cidr=str(cidr),
        ranges=ranges,
        interface=interface.name if interface else None,
        gateway=network.default_gateway,
        dns_servers=tuple((network.dns_servers or "").replace(",", " ").split()),
        domain=network.dns_domain,
        announces=interface is not None and interface.is_unique_local,
    )


def _interface_in(
    cidr: ipaddress.IPv4Network | ipaddress.IPv6Network, interfaces: Sequence[LocalInterface]
) -> LocalInterface | None:
    for interface in interfaces:
        for address in interface.addresses:
            if ipaddress.ip_interface(address).ip in cidr:
                return interface
    return None


def _check_relay(network: Network, interfaces: Sequence[LocalInterface]) -> None:
    cidr = ipaddress.ip_network(network.cidr, strict=False)
    ours = {
        str(ipaddress.ip_interface(address).ip)
        for interface in interfaces
        for address in interface.addresses
    }
    target = network.dhcp_relay_upstream_target
    if target is None:
        raise DriverPersistent(
            f"network {network.name} has a dhcp range, but no interface of this host has an "
            f"address in {network.cidr}; give it one, or a dhcp_relay.upstream_target"
        )
    if target not in ours:
        raise DriverPersistent(
            f"network {network.name}: dhcp_relay.upstream_target {target} is no address of this "
            f"host; it has {', '.join(sorted(ours)) or 'none'}"
        )
    relay = network.dhcp_relay_self_ip
    if relay is not None and ipaddress.ip_address(relay) not in cidr:
        raise DriverPersistent(
            f"network {network.name}: dhcp_relay.self_ip {relay} is not in {network.cidr}: a relay "
            "asks from the network it stands in"
        )


def dnsmasq_conf(
    networks: Sequence[BootNetwork], places: Places, base_url: str, *, is_proxy: bool = False
) -> str:
    """Return the configuration file for `networks`, which are not empty.

    With `is_proxy` the site's own server gives the addresses, and only what to start from is
    added to its answers.
    """
    own = (*_networks(networks), *_announcements(networks))
    ranges = _proxied(networks) if is_proxy else own
    return "\n".join([*_general(networks, places), *_boot(base_url), *ranges, ""])


def _general(networks: Sequence[BootNetwork], places: Places) -> Iterator[str]:
    yield "port=0"
    yield "no-hosts"
    yield "no-resolv"
    yield "bind-interfaces"
    yield "no-ping"
    yield "dhcp-authoritative"
    yield "log-dhcp"
    for interface in dict.fromkeys(n.interface for n in networks if n.interface):
        yield f"interface={interface}"
    yield "except-interface=lo"
    yield f"dhcp-leasefile={places.leases}"
    yield f"dhcp-hostsdir={places.hosts}"
    yield "enable-tftp"
    yield f"tftp-root={places.tftp}"
    yield "tftp-secure"
    yield "enable-ra"


def _boot(base_url: str) -> Iterator[str]:
    yield "dhcp-match=set:ipxe,175"
    for arch in BIOS_ARCH:
        yield f"dhcp-match=set:bios,option:client-arch,{arch}"
    for arch in UEFI_ARCH:
        yield f"dhcp-match=set:uefi,option:client-arch,{arch}"
    yield f"dhcp-boot=tag:!ipxe,tag:bios,{BIOS_FILE}"
    yield f"dhcp-boot=tag:!ipxe,tag:uefi,{UEFI_FILE}"
    # iPXE fills these in itself; dnsmasq hands them through.
    query = "mac=${netX/mac}&uuid=${uuid}&serial=${serial}&platform=${platform}"
    yield f"dhcp-boot=tag:ipxe,{base_url}/boot/ipxe?{query}"


def _networks(networks: Sequence[BootNetwork]) -> Iterator[str]:
    for network in networks:
        cidr = ipaddress.ip_network(network.cidr)
        for first, last in network.ranges:
            if cidr.version == 4:
                mask = f"{cidr.netmask}"
                yield f"dhcp-range=set:{network.tag},{first},{last},{mask},{LEASE_SECONDS}"
            else:
                length = cidr.prefixlen
                yield f"dhcp-range=set:{network.tag},{first},{last},{length},{LEASE_SECONDS}"
        if cidr.version == 4:
            # Sent empty where there is none: the default would be this host.
            gateway = f",{network.gateway}" if network.gateway else ""
            yield f"dhcp-option=tag:{network.tag},option:router{gateway}"
            if network.dns_servers:
                servers = ",".join(network.dns_servers)
                yield f"dhcp-option=tag:{network.tag},option:dns-server,{servers}"
            if network.domain:
                yield f"dhcp-option=tag:{network.tag},option:domain-name,{network.domain}"


def _announcements(networks: Sequence[BootNetwork]) -> Iterator[str]:
    """Without a router advertisement iPXE waits 12 s for one, at every start, and dnsmasq sends
    none but for a prefix. So one of the interface's own is announced, with a router that is none
    (lifetime 0), and only where it is local: a prefix of the world has its own router.
    """
    served = {n.interface for n in networks if ipaddress.ip_network(n.cidr).version == 6}
    announced = (n.interface for n in networks if n.announces and n.interface not in served)
    for interface in dict.fromkeys(announced):
        yield f"dhcp-range=::,constructor:{interface},ra-only"
        yield f"ra-param={interface},{ANNOUNCE_SECONDS},0"


def _proxied(networks: Sequence[BootNetwork]) -> Iterator[str]:
    for network in networks:
        cidr = ipaddress.ip_network(network.cidr)
        if cidr.version == 4:
            yield f"dhcp-range=set:{network.tag},{cidr.network_address},proxy,{cidr.netmask}"
    # PXE firmware takes its file from a menu of one entry; iPXE from dhcp-boot above.
    yield f'pxe-service=tag:!ipxe,x86PC,"drydock",{BIOS_FILE}'
    yield f'pxe-service=tag:!ipxe,X86-64_EFI,"drydock",{UEFI_FILE}'
    yield f'pxe-service=tag:!ipxe,BC_EFI,"drydock",{UEFI_FILE}'


def host_line(mac: str, address: str, name: str) -> str:
    """Return the reservation of one node. Raises DriverPersistent for what is no host name."""
    if not _HOST_NAME.fullmatch(name):
        raise DriverPersistent(f"{name!r} is no host name that DHCP may hand out")
    text = f"[{address}]" if ":" in address else address
    return f"{mac},{text},{name}\n"
