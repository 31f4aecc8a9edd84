"""One machine as its documents tell it: what of it a design would name.

Every text is a stranger's: it is cut to one printable line here, before anything is made of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from drydockd.design.inventory import make_of, parse_lshw
from drydockd.errors import InvalidDesign
from drydockd.machines import Device, canonical_mac

LONGEST_TEXT = 100
MOST_VLANS = 4094
# The name of a machine that nobody named yet holds its boot MAC.
_UNNAMED = re.compile(r"mac-([0-9a-f]{12})")
# What tells of a BMC, best first: the name of the driver is the type of its BMC.
BMC_TYPES = ("redfish", "ipmi")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What a switch said at the other end; `switch` tells it from others, `vlans` are tagged."""

    switch: str
    port: str = ""
    native_vlan: int | None = None
    vlans: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Nic:
    name: str
    mac: str | None = None
    businfo: str | None = None
    has_carrier: bool = False
    neighbour: Neighbour | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """`is_fixed`: neither removable nor read-only nor reached over a network."""

    name: str
    businfo: str | None = None
    size_bytes: int = 0
    is_fixed: bool = True


@dataclass(frozen=True, slots=True)
class Machine:
    """`boot_mac_told`: it is known which NIC it boots from, not guessed. `notes`: what a reader
    of the design should know. Devices are in order of their bus address."""

    name: str
    nics: tuple[Nic, ...] = ()
    disks: tuple[Disk, ...] = ()
    boot_mac: str | None = None
    boot_mac_told: bool = False
    bmc_type: str | None = None
    bmc_address: str | None = None
    vendor: str | None = None
    model: str | None = None
    bios_version: str | None = None
    boot_mode: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def boot_nic(self) -> Nic | None:
        return next((nic for nic in self.nics if nic.mac and nic.mac == self.boot_mac), None)


def machine_of(
    name: str,
    documents: Mapping[str, str],
    *,
    boot_mac: str | None = None,
    bmc_address: str | None = None,
) -> Machine:
    """Return the machine called `name` of its build data by generator (``lshw``, ``hardware``,
    ``lldp``, ``redfish``, ``ipmi``). Raises InvalidDesign without an lshw that can be read."""
    if "lshw" not in documents:
        raise InvalidDesign(f"{clean(name)}: has no lshw document")
    devices, make = parse_lshw(documents["lshw"]), make_of(documents["lshw"])
    notes: list[str] = []
    hardware = _json(documents, "hardware", notes)
    neighbours = _neighbours(_json(documents, "lldp", notes))
    nics = _nics(devices, hardware, neighbours)
    dmi = _map(hardware.get("dmi"))
    bmc_type, told_mac = _bmc(documents, bmc_address)
    machine = Machine(
        name=name,
        nics=nics,
        disks=_disks(devices, hardware),
        bmc_type=bmc_type,
        bmc_address=_address(bmc_address),
        vendor=_text(dmi.get("vendor")) or _text(make.vendor),
        model=_text(dmi.get("model")) or _text(make.model),
        bios_version=_text(dmi.get("bios_version")) or _text(make.bios_version),
        boot_mode=_one_of(hardware.get("firmware"), ("bios", "uefi")),
        notes=tuple(notes),
    )
    return _with_boot_mac(machine, boot_mac or told_mac)


def clean(text: str) -> str:
    """Return `text` as one printable line of at most `LONGEST_TEXT` characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_TEXT].strip()


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key that puts sda before sdb, and eth2 before eth10."""
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+|[0-9]+", text)
    return tuple(
        (0, int(part), "") if part.isdecimal() and len(part) <= 18 else (1, 0, part)
        for part in parts
    )


def _with_boot_mac(machine: Machine, told: str | None) -> Machine:
    unnamed = _UNNAMED.fullmatch(machine.name)
    known = canonical_mac(told or (unnamed[1] if unnamed else ""))
    if known:
        return replace(machine, boot_mac=known, boot_mac_told=True)
    plugged = [nic for nic in machine.nics if nic.has_carrier and nic.mac]
    guesses = plugged or [nic for nic in machine.nics if nic.mac]
    return replace(machine, boot_mac=guesses[0].mac if guesses else None)


def _nics(
    devices: tuple[Device, ...], hardware: Mapping[str, Any], neighbours: Mapping[str, Neighbour]
) -> tuple[Nic, ...]:
    """The NICs that sit on a bus, or that the agent tells: no bridges and the like."""
    told = {_text(_map(nic).get("name")): _map(nic) for nic in _list(hardware.get("nics"))}
    found = []
    for device in devices:
        name = clean(device.names[0])
        if device.kind != "network" or not (device.businfo or name in told):
            continue
        mine = told.get(name, {})
        mac = canonical_mac(_text(mine.get("mac")) or device.serial or "")
        is_up = mine.get("carrier") is True or name in neighbours
        businfo = clean(device.businfo) if device.businfo else None
        found.append(Nic(name, mac, businfo, is_up, neighbours.get(name)))
    return tuple(sorted(found, key=lambda nic: (natural(nic.businfo or "~"), natural(nic.name))))


def _disks(devices: tuple[Device, ...], hardware: Mapping[str, Any]) -> tuple[Disk, ...]:
    told = {_text(_map(disk).get("name")): _map(disk) for disk in _list(hardware.get("disks"))}
    found = []
    for device in devices:
        name = clean(device.names[0])
        mine = told.get(name, {})
        size = device.size_bytes or mine.get("size_bytes")
        if device.kind != "disk" or not isinstance(size, int) or size <= 0:
            continue
        is_fixed = not (
            device.is_removable
            or mine.get("is_removable") is True
            or mine.get("is_readonly") is True
            or mine.get("transport", "local") != "local"
        )
        businfo = clean(device.businfo) if device.businfo else None
        found.append(Disk(name, businfo, size, is_fixed))
    return tuple(sorted(found, key=lambda disk: (natural(disk.businfo or "~"), natural(disk.name))))


def _neighbours(lldp: Mapping[str, Any]) -> dict[str, Neighbour]:
    found = {}
    for nic, told in lldp.items():
        heard = _map(told)
        switch = _text(heard.get("system")) or _text(heard.get("chassis"))
        if not switch:
            continue
        native = _vlan(heard.get("native_vlan"))
        vlans = {_vlan(vlan) for vlan in list(_map(heard.get("vlans")))[:MOST_VLANS]}
        tagged = frozenset(vlan for vlan in vlans if vlan is not None and vlan != native)
        found[clean(nic)] = Neighbour(switch, _text(heard.get("port")) or "", native, tagged)
    return found


def _bmc(documents: Mapping[str, str], address: str | None) -> tuple[str | None, str | None]:
    """The type of its BMC, and a boot MAC if the BMC tells of one NIC only."""
    ignored: list[str] = []
    for kind in BMC_TYPES:
        if kind in documents:
            macs = _list(_json(documents, kind, ignored).get("macs"))
            return kind, _text(macs[0]) if len(macs) == 1 else None
    # The agent asks the BMC by IPMI for its address.
    return ("ipmi", None) if address else (None, None)


def _json(documents: Mapping[str, str], generator: str, notes: list[str]) -> Mapping[str, Any]:
    if generator not in documents:
        return {}
    try:
        return _map(json.loads(documents[generator]))
    except (ValueError, RecursionError):
        notes.append(f"its {generator} document is not JSON and was left out")
        return {}


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return clean(value) or None if isinstance(value, str) else None


def _one_of(value: object, words: tuple[str, ...]) -> str | None:
    return value if isinstance(value, str) and value in words else None


def _vlan(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 4 else 0
    return number if 1 <= number <= MOST_VLANS else None


def _address(text: str | None) -> str | None:
    try:
        return str(ip_address(text)) if text else None
    except ValueError:
        return None
