"""systemd-networkd files of a NetworkPlan. Pure.

NICs are matched by permanent MAC: a bond's member carries the bond's address. Only the primary
network's interface is required for being online, else the boot waits for spare ports.
Source: systemd.network(5), systemd.netdev(5), systemd.link(5); contract, netboot, section 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from drydockd.drivers.node.netboot.installplan import FileEntry
from drydockd.errors import DriverUnsupported
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    DeviceName,
    InterfacePlan,
    NetworkPlan,
    RoutePlan,
    VlanPlan,
)

FOLDER = "/etc/systemd/network"
PREFIX = "10-drydock-"
MODES = {
    "802.3ad": "802.3ad",
    "active-backup": "active-backup",
    "balance-rr": "balance-rr",
}
HASHES = ("layer2", "layer3+4", "layer2+3")
RATES = ("fast", "slow")
EVERYWHERE = ("0.0.0.0/0", "::/0")
# Kernel names are at most this long (IFNAMSIZ less its end) and hold neither / nor blanks.
_NAME = re.compile(r"[^\s/:%]{1,15}")

Sections = Sequence[tuple[str, Sequence[tuple[str, object]]]]


def networkd_files(plan: NetworkPlan) -> list[FileEntry]:
    """Return the files of all interfaces. Raises DriverUnsupported naming interface and value."""
    files: dict[str, FileEntry] = {}
    for interface in plan.interfaces:
        for entry in _interface(plan, interface):
            if entry.path in files:
                raise DriverUnsupported(f"network: two interfaces would write {entry.path}")
            files[entry.path] = entry
    return list(files.values())


def macs(plan: NetworkPlan) -> tuple[str, ...]:
    """Return the MACs that must be there. Raises DriverUnsupported for a NIC without one."""
    return tuple(
        _mac(interface, device) for interface in plan.interfaces for device in interface.devices
    )


def _interface(plan: NetworkPlan, interface: InterfacePlan) -> Iterator[FileEntry]:
    name = _checked(interface.name, f"network: interface {interface.name}")
    if interface.linkspeed != "auto":
        raise DriverUnsupported(
            f"network: interface {name}: linkspeed {interface.linkspeed} of link {interface.link}; "
            "netboot leaves the speed to NIC and switch, linkspeed auto"
        )
    if interface.bond:
        yield from _bond(interface, interface.bond)
        match = ("Name", name)
    else:
        mac = _mac(interface, interface.devices[0])
        link: list[tuple[str, object]] = [("Name", name)]
        if interface.sriov:
            link.append(("SR-IOVVirtualFunctions", interface.vf_count))
        yield _file(f"{name}.link", [("Match", [("PermanentMACAddress", mac)]), ("Link", link)])
        match = ("PermanentMACAddress", mac)
    vlans = [("VLAN", vlan_name(interface, vlan)) for vlan in interface.vlans]
    sections = _network(plan, match, interface.mtu, [interface.address], interface.routes, vlans)
    yield _file(f"{name}.network", [*sections, *_sriov(interface)])
    for vlan in interface.vlans:
        yield from _vlan(plan, interface, vlan)


def _bond(interface: InterfacePlan, bond: BondPlan) -> Iterator[FileEntry]:
    where = f"network: interface {interface.name}"
    if bond.mode not in MODES:
        raise DriverUnsupported(f"{where}: bonding.mode {bond.mode}; known: {', '.join(MODES)}")
    if bond.xmit_hash and bond.xmit_hash not in HASHES:
        raise DriverUnsupported(f"{where}: bonding.hash {bond.xmit_hash}; known: {_or(HASHES)}")
    if bond.peer_rate and bond.peer_rate not in RATES:
        raise DriverUnsupported(f"{where}: bonding.peer_rate {bond.peer_rate}; {_or(RATES)}")
    options: list[tuple[str, object]] = [("Mode", MODES[bond.mode])]
    if bond.xmit_hash:
        options.append(("TransmitHashPolicy", bond.xmit_hash))
    if bond.peer_rate:
        options.append(("LACPTransmitRate", bond.peer_rate))
    for key, value in (
        ("MIIMonitorSec", bond.mon_rate),
        ("UpDelaySec", bond.up_delay),
        ("DownDelaySec", bond.down_delay),
    ):
        if value is not None:
            options.append((key, f"{value}ms"))
    name = interface.name
    device = [("NetDev", [("Name", name), ("Kind", "bond"), ("MTUBytes", interface.mtu)])]
    yield _file(f"{name}.netdev", [*device, ("Bond", options)])
    for number, member in enumerate(interface.devices):
        sections: Sections = [
            ("Match", [("PermanentMACAddress", _mac(interface, member))]),
            ("Link", [("MTUBytes", interface.mtu), ("RequiredForOnline", "no")]),
            ("Network", [("Bond", name)]),
        ]
        yield _file(f"{name}-member{number}.network", sections)


def _vlan(plan: NetworkPlan, interface: InterfacePlan, vlan: VlanPlan) -> Iterator[FileEntry]:
    name = vlan_name(interface, vlan)
    mtu = vlan.mtu or interface.mtu
    if mtu > interface.mtu:
        raise DriverUnsupported(
            f"network: {vlan.network}: mtu {mtu} is more than {interface.mtu} of {interface.name}"
        )
    device = [("Name", name), ("Kind", "vlan"), ("MTUBytes", mtu)]
    yield _file(f"{name}.netdev", [("NetDev", device), ("VLAN", [("Id", vlan.vlan_id)])])
    addresses = [vlan.address, *(beside.address for beside in vlan.beside)]
    yield _file(f"{name}.network", _network(plan, ("Name", name), mtu, addresses, vlan.routes, []))


def vlan_name(interface: InterfacePlan, vlan: VlanPlan) -> str:
    """Return ``bond0.21``. Raises DriverUnsupported where that is too long for the kernel."""
    name = f"{interface.name}.{vlan.vlan_id}"
    return _checked(name, f"network: VLAN {vlan.vlan_id} of interface {interface.name}")


def _network(
    plan: NetworkPlan,
    match: tuple[str, str],
    mtu: int,
    addresses: Sequence[AddressPlan],
    routes: Sequence[RoutePlan],
    vlans: Sequence[tuple[str, object]],
) -> list[tuple[str, Sequence[tuple[str, object]]]]:
    is_primary = any(a.mode != "none" for a in addresses) and _is_way_out(plan, addresses, routes)
    online = "routable" if is_primary else "no"
    static = [a.address for a in addresses if a.mode == "static" and a.address]
    is_dhcp = any(address.mode == "dhcp" for address in addresses)
    network: list[tuple[str, object]] = [
        ("DHCP", "yes" if is_dhcp else "no"),
        ("IPv6AcceptRA", "yes" if is_dhcp else "no"),
        ("LinkLocalAddressing", "ipv6" if static or is_dhcp else "no"),
        *(("Address", text) for text in static),
        *vlans,
    ]
    if is_primary:
        network += [("DNS", server) for server in plan.dns_servers]
        if plan.search_domain:
            network.append(("Domains", plan.search_domain))
    sections: list[tuple[str, Sequence[tuple[str, object]]]] = [
        ("Match", [match]),
        ("Link", [("MTUBytes", mtu), ("RequiredForOnline", online)]),
        ("Network", network),
    ]
    for route in routes:
        values = [
            ("Destination", route.subnet), ("Gateway", route.gateway), ("Metric", route.metric)
        ]  # fmt: skip
        sections.append(("Route", values))
    return sections


def _is_way_out(
    plan: NetworkPlan, addresses: Sequence[AddressPlan], routes: Sequence[RoutePlan]
) -> bool:
    """Whether the machine's way out is here: a route to everywhere by one of its gateways, or
    where it has none, its first address."""
    if plan.default_gateways:
        return any(r.subnet in EVERYWHERE and r.gateway in plan.default_gateways for r in routes)
    return _first_address(plan) in addresses


def _first_address(plan: NetworkPlan) -> AddressPlan | None:
    for interface in plan.interfaces:
        for address in (interface.address, *(vlan.address for vlan in interface.vlans)):
            if address.mode != "none":
                return address
    return None


def _sriov(interface: InterfacePlan) -> list[tuple[str, Sequence[tuple[str, object]]]]:
    if not interface.sriov:
        return []
    if interface.bond:
        raise DriverUnsupported(
            f"network: interface {interface.name}: sriov on a bond; netboot sets it on single NICs"
        )
    return [
        ("SR-IOV", [("VirtualFunction", number), ("Trust", _yes(interface.trustedmode))])
        for number in range(interface.vf_count)
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _or(words: Sequence[str]) -> str:
    return " or ".join(words)


def _mac(interface: InterfacePlan, device: DeviceName) -> str:
    if not device.mac:
        raise DriverUnsupported(
            f"network: interface {interface.name}: the inventory has no NIC {device.name} "
            "with a MAC address"
        )
    return device.mac


def _checked(name: str, where: str) -> str:
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise DriverUnsupported(
            f"{where}: {name!r} cannot be an interface's name; "
            "15 characters at most, no blank, slash, colon or percent sign"
        )
    return name


def _file(name: str, sections: Sections) -> FileEntry:
    text = "\n".join(
        f"[{title}]\n" + "".join(f"{key}={_line(key, value)}\n" for key, value in values)
        for title, values in sections
    )
    return FileEntry(f"{FOLDER}/{PREFIX}{name}", text)


def _line(key: str, value: object) -> str:
    """A value that cannot become another line. Raises DriverUnsupported."""
    text = str(value)
    if not text.isprintable():
        raise DriverUnsupported(f"network: {key} {text!r} holds a character that no file may hold")
    return text
