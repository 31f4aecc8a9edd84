"""Whether this host can serve boot networks, thing by thing, and what to do where it cannot.

Nothing is changed; the only packets sent ask for a DHCP server (`rivals`) and for the boot
listener. Source: contract, netboot, sections 7 to 9.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from drydockd.drivers.node.netboot.dhcpconf import (
    BIOS_FILE,
    UEFI_FILE,
    BootNetwork,
    LocalInterface,
    boot_networks,
)
from drydockd.drivers.node.netboot.dnsmasq import DHCP_PORT, IPXE_FOLDER, TFTP_PORT, UNIT
from drydockd.drivers.node.netboot.interfaces import local_interfaces
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.drivers.node.netboot.ports import is_served
from drydockd.drivers.node.netboot.rivals import Offer, offers
from drydockd.drivers.options import Program
from drydockd.errors import DriverPersistent, InvalidConfig, NotFound
from drydockd.images.build import NEEDS
from drydockd.images.catalogue import ImageCatalogue
from drydockd.site import Network

RUNS = (Program("ip", "iproute2"),)
SERVES = (Program("dnsmasq", "dnsmasq-base"),)
BUILDS = tuple(Program(name, package) for name, package in NEEDS.items())
ASK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that was looked at. `todo` says what to do where it is not good."""

    text: str
    todo: str | None = None
    # Not good, but not in the way of a start either.
    is_advice: bool = False

    @property
    def is_good(self) -> bool:
        return self.todo is None


async def look(
    options: NetbootOptions, networks: Mapping[str, Network] | None, *, asks: bool = True
) -> AsyncIterator[Told]:
    """Yield what was looked at, in order. `networks` are those of a design, None without one;
    with `asks` other DHCP servers are looked for on the wire."""
    for told in (*programs(options), *rights(options), *images(options)):
        yield told
    try:
        interfaces = await local_interfaces()
    except DriverPersistent as error:
        yield Told("this host's addresses", str(error))
        return
    served, findings = served_networks(networks, interfaces)
    for told in findings:
        yield told
    yield await listener(options, interfaces)
    for told in dhcp_ports(options):
        yield told
    if asks:
        names = [n.interface for n in served if n.interface] or _of_base_url(options, interfaces)
        for name in dict.fromkeys(names):
            for told in await rivals(options, name, interfaces):
                yield told


def programs(options: NetbootOptions) -> Iterator[Told]:
    serves = SERVES if options.dhcp != "none" else ()
    for program in (*RUNS, *serves):
        yield _program(program, is_advice=False)
    for program in BUILDS:
        yield _program(program, is_advice=True)
    if options.dhcp != "none":
        for name in (BIOS_FILE, UEFI_FILE):
            path = IPXE_FOLDER / name
            yield Told(str(path), None if path.is_file() else "apt-get install ipxe")


def _program(program: Program, *, is_advice: bool) -> Told:
    if program.is_there():
        return Told(f"program {program.name}")
    purpose = ", to build images here" if is_advice else ""
    return Told(
        f"program {program.name} is missing{purpose}",
        f"apt-get install {program.package}",
        is_advice,
    )


def rights(options: NetbootOptions) -> Iterator[Told]:
    """Who may open the ports of DHCP: root's child, or the unit."""
    if options.dhcp == "none":
        return
    if options.dnsmasq == "child":
        yield Told(
            "dnsmasq is a child of drydockd, which has to run as root",
            "set netboot_driver.dnsmasq: unit, and install drydockd-dnsmasq.service and .path "
            "(docs/netboot.md); a daemon that runs as root needs nothing",
            is_advice=True,
        )
        return
    missing = [name for name in _units() if not _has_unit(name)]
    todo = "copy it from share/drydockd/systemd to /etc/systemd/system, systemctl daemon-reload"
    yield Told(
        f"unit {' and '.join(missing)} is not installed" if missing else f"unit {UNIT}",
        todo if missing else None,
    )


def _units() -> tuple[str, ...]:
    stem = UNIT.removesuffix(".service")
    return (UNIT, f"{stem}.path", f"{stem}-restart.service")


def _has_unit(name: str) -> bool:
    folders = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system")
    return any(os.path.exists(f"{folder}/{name}") for folder in (*folders, "/lib/systemd/system"))


def images(options: NetbootOptions) -> Iterator[Told]:
    catalogue = ImageCatalogue(options.images)
    try:
        agent = catalogue.agent(options.agent)
        for file in (agent.kernel, agent.initrd):
            catalogue.blob(file.sha256)
        yield Told(f"agent {agent.name} in {options.images}")
    except (InvalidConfig, NotFound) as error:
        yield Told(f"agent {options.agent}: {error}", "drydock image build agent")
    try:
        found = catalogue.images()
        for image in found.values():
            catalogue.blob(image.sha256)
    except (InvalidConfig, NotFound) as error:
        yield Told(f"images: {error}", "drydock image verify")
        return
    names = ", ".join(sorted(found))
    yield Told(f"images: {names or 'none'}", None if found else "drydock image build debian-12")
    free = shutil.disk_usage(options.images).free if options.images.exists() else 0
    if free < 2**30:
        yield Told(f"{options.images} has {free >> 20} MiB left", "make room: a build takes 1 GiB")


def served_networks(
    networks: Mapping[str, Network] | None, interfaces: Sequence[LocalInterface]
) -> tuple[list[BootNetwork], list[Told]]:
    """Return the boot networks of a design as they would be served, and what is said of them."""
    if networks is None:
        return [], []
    served: list[BootNetwork] = []
    findings: list[Told] = []
    for name, network in networks.items():
        try:
            found = boot_networks({name: network}, interfaces)
        except DriverPersistent as error:
            findings.append(Told(f"boot network {name}", str(error)))
            continue
        served.extend(found)
        findings.extend(
            Told(f"boot network {n.name} {n.cidr} on {n.interface or 'a relay'}") for n in found
        )
    if not served and not findings:
        todo = "give a Network a range of type dhcp: it is what machines start from"
        findings.append(Told("the design has no boot network", todo))
    return served, findings


async def listener(options: NetbootOptions, interfaces: Sequence[LocalInterface]) -> Told:
    """Whether machines that ask `base_url` reach us, as far as this host can tell."""
    url = options.base_url
    try:
        async with httpx.AsyncClient(timeout=ASK_SECONDS, trust_env=False) as http:
            answer = await http.get(f"{url}/boot/ipxe")
        if answer.text.startswith("#!ipxe"):
            return Told(f"the boot listener answers at {url}")
        return Told(
            f"{url} is answered by something else", "correct netboot_driver.base_url or listen"
        )
    except httpx.HTTPError as error:
        problem = str(error) or type(error).__name__
    ours = _addresses(interfaces)
    parts = urlsplit(url)
    if parts.hostname not in ours:
        return Told(
            f"{url}: {problem}, and {parts.hostname} is no address of this host "
            f"({', '.join(sorted(ours)) or 'it has none'})",
            "correct netboot_driver.base_url, or route that address here",
        )
    host, _, port = options.listen.rpartition(":")
    if int(port) != (parts.port or 80):
        return Told(
            f"{url} is not the port of netboot_driver.listen {options.listen}",
            "make them the same, or forward the one to the other",
        )
    taken = _taken(socket.SOCK_STREAM, host.strip("[]"), int(port))
    if taken:
        return Told(
            f"netboot_driver.listen {options.listen}: {taken}", f"see: ss -tlnp | grep {port}"
        )
    return Told(f"{options.listen} is free for the boot listener, which does not run now")


def dhcp_ports(options: NetbootOptions) -> Iterator[Told]:
    if options.dhcp == "none":
        return
    for port, what in ((DHCP_PORT, "DHCP"), (TFTP_PORT, "TFTP")):
        if is_served(port):
            yield Told(
                f"udp/{port} ({what}) is in use",
                f"fine if it is drydockd's own dnsmasq, else stop it: ss -ulnp sport = :{port}",
                is_advice=True,
            )
        else:
            yield Told(f"udp/{port} ({what}) is free")


async def rivals(
    options: NetbootOptions, interface: str, interfaces: Sequence[LocalInterface]
) -> list[Told]:
    """Ask for a DHCP server on `interface`; what an answer means depends on `dhcp`."""
    try:
        heard = await offers(interface)
    except OSError as error:
        return [
            Told(
                f"DHCP servers on {interface} cannot be looked for: {error.strerror or error}",
                "run this as root, and with no DHCP client on that interface",
            )
        ]
    ours = _addresses(interfaces)
    return judged(options, interface, [offer for offer in heard if offer.server not in ours])


def judged(options: NetbootOptions, interface: str, heard: Sequence[Offer]) -> list[Told]:
    """What other servers' offers mean for netboot. Pure."""
    if options.dhcp == "own":
        if not heard:
            return [Told(f"no other DHCP server on {interface}")]
        todo = "stop it on this network, or set netboot_driver.dhcp to proxy or none"
        return [Told(f"{interface}: DHCP server {_said(offer)}", todo) for offer in heard]
    addresses = [offer for offer in heard if offer.address]
    found = []
    if not addresses:
        todo = "start the site's DHCP server, or set netboot_driver.dhcp: own"
        found.append(Told(f"{interface}: no DHCP server gives addresses", todo))
    for offer in heard:
        if options.dhcp == "proxy" and offer.boot_file:
            todo = "it must not name a boot file; we do"
            found.append(Told(f"{interface}: DHCP server {_said(offer)}", todo))
        elif options.dhcp == "none" and not offer.boot_file:
            todo = "add what `drydock netboot dhcp-snippet` prints"
            found.append(Told(f"{interface}: DHCP server {_said(offer)}", todo))
        else:
            found.append(Told(f"{interface}: DHCP server {_said(offer)}"))
    return found


def _said(offer: Offer) -> str:
    address = f"offers {offer.address}" if offer.address else "offers no address"
    return f"{offer.server} {address}, boot file {offer.boot_file or 'none'}"


def _addresses(interfaces: Sequence[LocalInterface]) -> set[str]:
    return {str(ipaddress.ip_interface(a).ip) for one in interfaces for a in one.addresses}


def _of_base_url(options: NetbootOptions, interfaces: Sequence[LocalInterface]) -> list[str]:
    host = urlsplit(options.base_url).hostname
    return [one.name for one in interfaces if host in _addresses([one])]


def _taken(kind: socket.SocketKind, host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def exit_status(told: Sequence[Told]) -> int:
    """0 where a machine could be served now, else 1."""
    return int(any(not one.is_good and not one.is_advice for one in told))


def run(
    options: NetbootOptions, networks: Mapping[str, Network] | None, *, asks: bool = True
) -> Iterator[Told]:
    """`look` for those without a loop."""

    async def all_of() -> list[Told]:
        return [told async for told in look(options, networks, asks=asks)]

    yield from asyncio.run(all_of())
