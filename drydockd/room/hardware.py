"""The parts of a virtual machine, and how they are chosen so that the design's names resolve."""

from __future__ import annotations

import hashlib
import re
import string
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from drydockd.errors import InvalidInput
from drydockd.patterns import matcher
from drydockd.room.card import NodeCard
from drydockd.room.config import Defaults, MachineConfig
from drydockd.site import PATTERN, DeviceAlias

GB = 1000**3
# Names the kernel or udev gives disks; anything else a design says is an alias or invented.
KERNEL_DISK = re.compile(r"^(sd[a-z]{1,2}|vd[a-z]{1,2}|xvd[a-z]|hd[a-z]|nvme\d+n\d+)$")
PATH_NAME = re.compile(r"^enp(\d+)s(\d+)(?:f(\d+))?$")
SLOT_NAME = re.compile(r"^ens(\d+)(?:f(\d+))?$")
PCI = re.compile(r"^(?:[0-9a-f]{4}:)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Nic:
    """`address` is a PCI address such as ``0000:43:00.1``."""

    name: str
    mac: str
    address: str
    product: str = "Virtual Ethernet"


@dataclass(frozen=True, slots=True)
class Disk:
    """`businfo` as lshw has it: ``scsi@0:2.0.0``, ``virtio@1``."""

    name: str
    businfo: str
    size_bytes: int
    serial: str
    product: str = "Virtual Disk"


@dataclass(frozen=True, slots=True)
class Hardware:
    """Everything of a machine that discovery finds."""

    serial: str
    uuid: str
    vendor: str
    product: str
    boot_mode: str
    cpus: int
    memory_mib: int
    nics: tuple[Nic, ...]
    disks: tuple[Disk, ...]

    def nic(self, name: str) -> Nic | None:
        return next((n for n in self.nics if n.name == name), None)

    def disk(self, name: str) -> Disk | None:
        return next((d for d in self.disks if d.name == name), None)


def made_up_mac(machine: str, index: int) -> str:
    """A MAC that is always the same for this NIC of this machine; locally administered."""
    digest = hashlib.sha256(f"{machine}/{index}".encode()).digest()
    return ":".join(["52", "54", "00", *(f"{b:02x}" for b in digest[:3])])


def hardware_for(
    machine: str, config: MachineConfig, card: NodeCard | None, defaults: Defaults, boot_mac: str
) -> Hardware:
    """Return the parts: those configured, else those the design of `card` expects.

    The NIC that boots gets `boot_mac`; every other MAC, serial and address is derived from
    the machine's id, so the same machine looks the same at every discovery.
    """
    card = card or NodeCard(name=machine)
    nics = _configured_nics(config, machine) or _expected_nics(card, machine)
    disks = _configured_disks(config, machine, defaults) or _expected_disks(card, machine, defaults)
    return Hardware(
        serial=_serial(machine, "chassis"),
        uuid=str(uuid.uuid5(uuid.NAMESPACE_OID, machine)),
        vendor=card.vendor or "drydockd",
        product=" ".join(filter(None, ("Virtual machine", card.generation))),
        boot_mode=card.boot_mode or "bios",
        cpus=defaults.cpus,
        memory_mib=defaults.memory_mib,
        nics=_with_boot_mac(nics, card, boot_mac),
        disks=disks,
    )


def _configured_nics(config: MachineConfig, machine: str) -> tuple[Nic, ...]:
    free = _free_addresses({n.address for n in config.nics if n.address})
    return tuple(
        Nic(
            n.name, n.mac or made_up_mac(machine, i), n.address or _address_of(n.name) or next(free)
        )
        for i, n in enumerate(config.nics, 1)
    )


def _expected_nics(card: NodeCard, machine: str) -> tuple[Nic, ...]:
    """NICs for every network alias and every slave the design names, aliases first."""
    aliases = {a.alias: a for a in card.aliases if _is_nic(a, card)}
    wanted = {**card.nic_addresses, **{name: a.address for name, a in aliases.items()}}
    addresses = _addresses(wanted)
    addresses |= {n: a for n in card.nics if n not in addresses and (a := _address_of(n))}
    free = _free_addresses(set(addresses.values()))
    addresses |= {n: next(free) for n in card.nics if n not in addresses}
    if not addresses:
        addresses["eno1"] = next(free)
    shared = _functions(addresses)
    # Two names of one address are one NIC; it is called what the design takes for its OS name.
    called = {a: name for name, a in addresses.items() if name not in wanted}
    first = {address: name for name, address in reversed(addresses.items())}
    addresses = {name: a for name, a in addresses.items() if first[a] == name}
    nics = []
    for index, (name, address) in enumerate(addresses.items(), 1):
        product = (aliases[name].dev_type if name in aliases else None) or "Virtual Ethernet"
        shown = called.get(address) or kernel_nic(address, shared)
        nics.append(Nic(shown, made_up_mac(machine, index), address, product))
    return tuple(nics)


def _addresses(wanted: Mapping[str, str]) -> dict[str, str]:
    """An address for each alias: its own, or one that its ``regexp:`` pattern matches.

    Of several devices a pattern matches, the first of the document is meant; so those chosen
    for patterns come first, and match no other pattern as far as possible.
    """
    patterns = {n: a.removeprefix(PATTERN) for n, a in wanted.items() if a.startswith(PATTERN)}
    plain = {name: address for name, address in wanted.items() if name not in patterns}
    chosen: dict[str, str] = {}
    for name, pattern in patterns.items():
        taken = {*plain.values(), *chosen.values()}
        free = [address for address in _matching(pattern) if address not in taken]
        others = {a for p in patterns.values() if p != pattern for a in _matching(p)}
        best = [address for address in free if address not in others]
        if best or free:
            chosen[name] = (best or free)[0]
    return chosen | plain


def _is_nic(alias: DeviceAlias, card: NodeCard) -> bool:
    """PCI devices are taken for NICs unless the design uses the alias for a disk."""
    pattern = alias.address.startswith(PATTERN)
    return (pattern or alias.bus_type == "pci") and alias.alias not in card.disks


def _functions(addresses: Mapping[str, str]) -> set[str]:
    """Slots with more than one function in use, whose names need the function number."""
    slots = [a.rpartition(".")[0] for a in set(addresses.values())]
    return {slot for slot in slots if slots.count(slot) > 1}


def kernel_nic(address: str, shared_slots: set[str] | None = None) -> str:
    """The predictable interface name for a PCI address: ``0000:43:00.1`` -> ``enp67s0f1``.

    Source: systemd.net-naming-scheme, path based names.
    """
    match = PCI.match(address)
    if match is None:
        return "en" + re.sub(r"[^0-9a-z]", "", address.lower())
    bus, slot, function = (int(part, 16) for part in match.groups())
    multi = function > 0 or address.rpartition(".")[0] in (shared_slots or set())
    return f"enp{bus}s{slot}" + (f"f{function}" if multi else "")


def _address_of(name: str) -> str | None:
    """The PCI address a predictable name was made from, if it is one."""
    if match := PATH_NAME.match(name):
        bus, slot, function = (int(part or 0) for part in match.groups())
    elif match := SLOT_NAME.match(name):
        bus, slot, function = 0, int(match[1]), int(match[2] or 0)
    else:
        return None
    if bus > 0xFF or slot > 0x1F or function > 7:
        return None
    return f"0000:{bus:02x}:{slot:02x}.{function}"


@lru_cache(maxsize=256)
def _matching(pattern: str) -> tuple[str, ...]:
    """The first PCI addresses (at most 64) the pattern matches from their start."""
    try:
        matches = matcher(pattern)
    except InvalidInput:
        return ()
    found = []
    for address in _all_addresses():
        if matches(address):
            found.append(address)
            if len(found) == 64:
                break
    return tuple(found)


def _all_addresses() -> Iterator[str]:
    """Every PCI address of domain 0, the usual ones (slot 0) first."""
    for slot in range(0x20):
        for bus in range(0x100):
            for function in range(8):
                yield f"0000:{bus:02x}:{slot:02x}.{function}"


def _free_addresses(taken: set[str]) -> Iterator[str]:
    for bus in range(0x80, 0x100):
        for function in range(8):
            address = f"0000:{bus:02x}:00.{function}"
            if address not in taken:
                yield address


def _with_boot_mac(nics: tuple[Nic, ...], card: NodeCard, boot_mac: str) -> tuple[Nic, ...]:
    """Give the booting NIC its MAC: the one that has it, else pxe_interface, else the first."""
    if any(n.mac == boot_mac for n in nics):
        return nics
    names = [n.name for n in nics]
    alias = next((a for a in card.aliases if a.alias == card.pxe_interface), None)
    boots = 0
    if card.pxe_interface in names:
        boots = names.index(card.pxe_interface)
    elif alias is not None:
        boots = next((i for i, n in enumerate(nics) if n.address == alias.address), 0)
    changed = list(nics)
    changed[boots] = replace(nics[boots], mac=boot_mac)
    return tuple(changed)


def _configured_disks(config: MachineConfig, machine: str, defaults: Defaults) -> tuple[Disk, ...]:
    return tuple(
        Disk(
            d.name.rpartition("/")[2],
            d.address or _businfo_of(d.name, i),
            (d.size_gb or defaults.disk_gb) * GB,
            d.serial or _serial(machine, d.name),
        )
        for i, d in enumerate(config.disks)
    )


def _expected_disks(card: NodeCard, machine: str, defaults: Defaults) -> tuple[Disk, ...]:
    """A disk for every alias that is no NIC and for every storage device the design names."""
    aliases = {a.alias: a for a in card.aliases if not _is_nic(a, card)}
    own = [name for name in card.disks if name not in aliases]
    free = _free_disks({name for name in own if KERNEL_DISK.match(name)})
    found: dict[str, tuple[str, str, str]] = {}
    for alias in aliases.values():
        businfo = f"{alias.bus_type}@{alias.address}"
        found[alias.alias] = (next(free), businfo, alias.dev_type or "Virtual Disk")
    for index, name in enumerate(own):
        # A name that is neither alias nor known to the kernel stays as it is: an alias that
        # does not resolve maps to itself, and the plans then ask for that very name.
        found[name] = (name, _businfo_of(name, index), "Virtual Disk")
    if not found:
        found["sda"] = ("sda", "scsi@0:0.0.0", "Virtual Disk")
    size = defaults.disk_gb * GB
    return tuple(Disk(n, b, size, _serial(machine, n), p) for n, b, p in found.values())


def _businfo_of(name: str, index: int) -> str:
    bus = {"vd": "virtio", "nv": "nvme"}.get(name[:2], "scsi")
    return f"scsi@8:{index}.0.0" if bus == "scsi" else f"{bus}@{index}"


def _free_disks(taken: set[str]) -> Iterator[str]:
    letters = string.ascii_lowercase
    for name in [*letters, *(a + b for a in letters for b in letters)]:
        if f"sd{name}" not in taken:
            yield f"sd{name}"


def _serial(machine: str, part: str) -> str:
    return hashlib.sha256(f"{machine}/{part}".encode()).hexdigest()[:12].upper()
