"""Machines in classes of equal hardware, and how one of a class is wired.

Names are made of what is named and of nothing else, so that another machine renames none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drydockd.design.adopt.machine import Disk, Machine, Nic

GB = 10**9
# The validation's smallest root, and what boot loader and partition table take.
SMALLEST_BOOT_DISK = 21 * GB
LONGEST_SLUG = 24


@dataclass(frozen=True, slots=True)
class HardwareClass:
    """Equal hardware: `aliases` is alias -> ``bus@address``, `boot_disk` the alias (or the OS
    name, without an address) of the disk to install on."""

    name: str
    vendor: str | None
    model: str | None
    boot_mode: str | None
    aliases: Mapping[str, str] = field(default_factory=dict)
    boot_disk: str | None = None
    boot_disk_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Wire:
    """NICs of one machine that one link is for: a bond where they end at one switch.

    `native` None: nothing was heard. `suffix` makes the names of its link and networks.
    """

    nics: tuple[str, ...]
    native: int | None
    tagged: tuple[int, ...] = ()
    is_bond: bool = False
    is_heard: bool = True

    @property
    def suffix(self) -> str:
        bond = "-bond" if self.is_bond else ""
        return bond + (f"-{digest(self.tagged)}" if self.tagged else "")

    @property
    def link(self) -> str:
        if not self.is_heard:
            return "link-boot"
        return f"link-{self.network}"

    @property
    def network(self) -> str:
        """The untagged network of the link."""
        if not self.is_heard:
            return "boot"
        return self.tagged_network(self.native) if self.native else f"untagged{self.suffix}"

    def tagged_network(self, vlan: int) -> str:
        return f"vlan{vlan}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a machine is wired; `boot` is the wire that its boot NIC is on."""

    wires: tuple[Wire, ...] = ()
    boot: Wire | None = None


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:6]


def slug(text: str) -> str:
    """Return `text` as a part of a name: lower case, digits, hyphens."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_SLUG].strip("-")


def hardware_class(machine: Machine) -> HardwareClass:
    """Return the class of a machine: maker, model, boot mode, and what sits at which address."""
    boot_disk = disk_to_install_on(machine.disks)
    names = device_names(machine)
    devices: list[Nic | Disk] = [*machine.nics, *machine.disks]
    aliases = {
        names[device]: device.businfo
        for device in devices
        if device.businfo and names[device] != device.name
    }
    sizes = tuple((names[disk], _about(disk.size_bytes), disk.is_fixed) for disk in machine.disks)
    key = (machine.vendor, machine.model, machine.boot_mode, tuple(aliases.items()), sizes)
    return HardwareClass(
        name=f"{slug(machine.model or machine.vendor or '') or 'machine'}-{digest(key)}",
        vendor=machine.vendor,
        model=machine.model,
        boot_mode=machine.boot_mode,
        aliases=aliases,
        boot_disk=names[boot_disk] if boot_disk else None,
        boot_disk_bytes=boot_disk.size_bytes if boot_disk else 0,
    )


def device_names(machine: Machine) -> dict[Nic | Disk, str]:
    """Return the alias of every device: nic1, nic2 ... and bootdisk, disk1 ... by bus address;
    what has no address of its own keeps the name the operating system gave it."""
    taken: set[str] = set()
    names: dict[Nic | Disk, str] = {}

    def call(device: Nic | Disk, alias: str) -> None:
        has_address = device.businfo and "@" in device.businfo and device.businfo not in taken
        names[device] = alias if has_address else device.name
        taken.add(device.businfo or "")

    for number, nic in enumerate(machine.nics, 1):
        call(nic, f"nic{number}")
    boot_disk = disk_to_install_on(machine.disks)
    if boot_disk:
        call(boot_disk, "bootdisk")
    others = [disk for disk in machine.disks if disk is not boot_disk]
    for number, disk in enumerate(others, 1):
        call(disk, f"disk{number}")
    return names


def disk_to_install_on(disks: Iterable[Disk]) -> Disk | None:
    """The smallest fixed disk that a system fits on, else the largest there is; of equals the
    first by bus address."""
    fixed = [disk for disk in disks if disk.is_fixed]
    roomy = [disk for disk in fixed if disk.size_bytes >= SMALLEST_BOOT_DISK]
    if roomy:
        return min(roomy, key=lambda disk: _about(disk.size_bytes))
    return max(fixed, key=lambda disk: disk.size_bytes, default=None)


def wiring_of(machine: Machine) -> Wiring:
    """Group the NICs by what their switches say; the boot NIC is wired in any case."""
    names = device_names(machine)
    groups: dict[tuple[str, int | None, frozenset[int]], list[Nic]] = {}
    for nic in machine.nics:
        heard = nic.neighbour
        if heard is not None:
            key = (heard.switch, heard.native_vlan, heard.vlans)
            groups.setdefault(key, []).append(nic)
    wires, boot = [], None
    for (_, native, vlans), nics in groups.items():
        tagged = tuple(sorted(vlans))
        wire = Wire(tuple(names[nic] for nic in nics), native, tagged, len(nics) > 1)
        wires.append(wire)
        if machine.boot_nic in nics:
            boot = wire
    if boot is None and machine.boot_nic is not None:
        boot = Wire((names[machine.boot_nic],), None, is_heard=False)
        wires.append(boot)
    return Wiring(tuple(wires), boot)


def _about(size_bytes: int) -> int:
    """Two digits of a size: drives of one kind differ a little from maker to maker."""
    unit = int(10 ** max(len(str(size_bytes)) - 2, 0))
    return round(size_bytes / unit) * unit
