"""Disks of this machine: which there are, which the plan means, and how they are emptied.

Nothing is written before every disk of the plan was found, exactly once and large enough: names
(vda, vdb) came in either order between boots. Source: contract, netboot, section 5.
"""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydockd.agent.install.programs import Programs, ToolFailed

MIB = 1 << 20
_PLAIN = frozenset(string.ascii_letters + string.digits + "-_. ")
# Another look of udev may come between: seen once in six installations on a busy host.
TABLE_TRIES = 5
# INT 18h lets a BIOS go on to the next boot device, until a loader is installed. sfdisk leaves no
# code in a master boot record that bears its signature: after a power cut in mid-installation a
# BIOS that starts from disks first would run zeros, and stand still. Then a jump to itself.
# Source: UEFI specification, 5.2.3; BIOS boot specification, 6.7.
HAND_ON = r"""printf '\315\030\353\376' | dd of="$1" conv=notrunc,fsync status=none"""
# What has no medium of its own, or is not ours.
VIRTUAL = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "drbd", "rbd")
TYPES = {
    "linux": "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    "lvm": "E6D6D379-F507-44C2-A23C-238F2A3DF928",
    "bios": "21686148-6449-6E6F-744E-656564454649",
    "esp": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
}


class NoMatch(Exception):
    """The machine does not have what the plan names; the text says what it has."""


class Busy(Exception):
    """Something still stands on a disk that is to be emptied."""


@dataclass(frozen=True)
class Disk:
    """One disk of the machine. `bus_addresses` are what lshw may have behind the @."""

    name: str
    size_bytes: int
    serial: str | None = None
    wwn: str | None = None
    bus_addresses: tuple[str, ...] = ()
    is_removable: bool = False
    is_readonly: bool = False
    transport: str = ""

    @property
    def path(self) -> str:
        return f"/dev/{self.name}"

    def __str__(self) -> str:
        known = [self.name, f"{self.size_bytes} bytes"]
        known += [f"serial {self.serial}"] if self.serial else []
        known += [f"wwn {self.wwn}"] if self.wwn else []
        known += [f"at {' '.join(self.bus_addresses)}"] if self.bus_addresses else []
        return " ".join(known)


def disks_of(sysfs: Path = Path("/sys")) -> list[Disk]:
    """Return the disks of this machine by name."""
    found = []
    for entry in sorted((sysfs / "block").iterdir()):
        # A path of a multipath NVMe disk is hidden: it is not to be opened.
        if not entry.name.startswith(VIRTUAL) and _read(entry / "hidden") != "1":
            found.append(_disk(entry))
    return [disk for disk in found if disk.size_bytes]


def _disk(entry: Path) -> Disk:
    device = entry / "device"
    target = os.path.realpath(device) if device.exists() else ""
    serial = _read(entry / "serial") or _read(device / "serial") or _page(device / "vpd_pg80")
    return Disk(
        name=entry.name,
        size_bytes=int(_read(entry / "size") or 0) * 512,
        serial=serial,
        wwn=_read(entry / "wwid") or _read(device / "wwid"),
        bus_addresses=_bus_addresses(entry.name, target),
        is_removable=_read(entry / "removable") == "1",
        is_readonly=_read(entry / "ro") == "1",
        transport=_transport(target),
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def _page(path: Path) -> str | None:
    """The unit serial number of a SCSI disk: VPD page 80h behind its four bytes of head."""
    try:
        raw = path.read_bytes()[4:]
    except OSError:
        return None
    return raw.decode(errors="replace").strip(" \t\r\n\0") or None


def _bus_addresses(name: str, target: str) -> tuple[str, ...]:
    """What versions of lshw have behind the @: ``0:2.0.0`` of SCSI 0:0:2:0, ``0`` of virtio0,
    ``0:1`` of nvme0n1, and the PCI address of the controller."""
    found = []
    for part in reversed(target.split("/")):
        fields = part.split(":")
        if len(fields) == 4 and all(field.isdigit() for field in fields):
            found.append(f"{fields[0]}:{fields[1]}.{fields[2]}.{fields[3]}")
        elif part.startswith("virtio") and part[6:].isdigit():
            found.append(part[6:])
        elif len(fields) == 3 and "." in fields[2]:
            found.append(part)
            break
    if name.startswith("nvme"):
        controller, _, namespace = name.removeprefix("nvme").partition("n")
        found.append(f"{controller}:{namespace}")
    return tuple(found)


def _transport(target: str) -> str:
    """``network`` for disks that come over one: not ours to wipe."""
    words = ("/session", "/rport-", "/nvme-fabrics", "/fcoe", "/nbd")
    return "network" if any(word in target for word in words) else "local"


def match(wanted: Sequence[Mapping[str, Any]], disks: Sequence[Disk]) -> list[Disk]:
    """Return the disk of each entry of the plan. Raises NoMatch: none, several, too small, one
    disk for two entries."""
    chosen: list[Disk] = []
    for entry in wanted:
        disk = _one(entry["find"], disks)
        if disk.size_bytes < entry["size_bytes"]:
            raise NoMatch(f"disk {disk}: the plan was made for {entry['size_bytes']} bytes")
        if disk.is_readonly:
            raise NoMatch(f"disk {disk} is read-only")
        if disk in chosen:
            raise NoMatch(f"disk {disk} is what two entries of the plan name")
        chosen.append(disk)
    return chosen


def _one(find: Mapping[str, Any], disks: Sequence[Disk]) -> Disk:
    """By serial, else wwn, else bus address, else name: the first that the plan tells."""
    for key in ("serial", "wwn", "bus_address", "name"):
        value = find.get(key)
        if not value:
            continue
        hits = [disk for disk in disks if _is(disk, key, value)]
        if len(hits) != 1:
            there = "; ".join(map(str, hits or disks)) or "none"
            many = "several disks" if hits else "no disk"
            raise NoMatch(f"{many} with {key} {value}; there are: {there}")
        return hits[0]
    raise NoMatch("an entry of the plan names no disk")


def _is(disk: Disk, key: str, value: str) -> bool:
    if key == "bus_address":
        return value in disk.bus_addresses
    if key == "wwn":
        return disk.wwn is not None and plain_wwn(disk.wwn) == plain_wwn(value)
    return bool(getattr(disk, key) == value)


def plain_wwn(told: str) -> str:
    """The digits: the kernel has ``naa.5000...``, udev ``wwn-0x5000...``, lshw neither."""
    return re.sub(r"^(wwn-)?(naa\.|eui\.|nvme\.|uuid\.|0x)?", "", told.strip().lower())


def match_nics(wanted: Iterable[str], macs: Iterable[str]) -> None:
    """Raise NoMatch unless every MAC of the plan is one of this machine."""
    there = sorted({mac.lower() for mac in macs})
    missing = [mac for mac in wanted if mac.lower() not in there]
    if missing:
        raise NoMatch(f"no NIC {', '.join(missing)}; there are: {', '.join(there) or 'none'}")


def release(programs: Programs) -> None:
    """Let go of everything that stands on any disk: first, else the disk is busy.

    Erasing before would leave groups active.
    """
    programs.run("swapoff", "-a", may_fail=True)
    programs.run("vgchange", "-an", may_fail=True)
    programs.run("mdadm", "--stop", "--scan", may_fail=True)
    programs.run("dmsetup", "remove_all", may_fail=True)


def erase(disk: Disk, programs: Programs) -> None:
    """Remove every signature of a disk and its partitions, and zero its first and last MiB.

    Raises Busy, ToolFailed, OSError.
    """
    if held := holders_of(disk):
        raise Busy(f"disk {disk} could not be let go of: {', '.join(held)} stand on it")
    for partition in reversed(partitions_of(disk)):
        programs.run("wipefs", "--all", "--force", partition, may_fail=True)
    programs.run("wipefs", "--all", "--force", disk.path)
    zero_ends(disk)
    programs.run("blockdev", "--rereadpt", disk.path, may_fail=True)


def partitions_of(disk: Disk, sysfs: Path = Path("/sys")) -> list[str]:
    folder = sysfs / "block" / disk.name
    names = sorted(entry.name for entry in folder.glob(f"{disk.name}*") if entry.is_dir())
    return [f"/dev/{name}" for name in names]


def holders_of(disk: Disk, sysfs: Path = Path("/sys")) -> list[str]:
    """Return what stands on the disk or a partition of it: volumes, arrays."""
    folder = sysfs / "block" / disk.name
    return sorted({entry.name for entry in folder.glob("**/holders/*")})


def zero_ends(disk: Disk) -> None:
    """The tables of both ends of the disk; durable when it returns."""
    with open(disk.path, "r+b", buffering=0) as device:
        for start in (0, max(0, disk.size_bytes - MIB)):
            device.seek(start)
            left = min(MIB, disk.size_bytes - start)
            while left:
                left -= device.write(bytes(left))
        os.fsync(device.fileno())


def sfdisk_script(partitions: Sequence[Mapping[str, Any]]) -> str:
    """Return the GPT of a disk; sizes and starts are whole MiB, whatever its sectors have."""
    lines = ["label: gpt", "unit: sectors"]
    for entry in sorted(partitions, key=lambda entry: entry["start_mib"]):
        fields = [
            f"start={entry['start_mib']}MiB",
            f"size={entry['size_mib']}MiB",
            f"type={TYPES[entry['use']]}",
            f'name="{_quoted(entry["name"])}"',
        ]
        if entry.get("uuid"):
            fields.append(f"uuid={entry['uuid']}")
        lines.append(f"{entry['number']} : {', '.join(fields)}")
    return "\n".join([*lines, ""])


def _quoted(name: str) -> str:
    """sfdisk reads \\xHH within quotes, a byte of UTF-8 each."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in name.encode())


def partition(disk: Disk, entries: Sequence[Mapping[str, Any]], programs: Programs) -> None:
    programs.run(
        "sfdisk", "--wipe", "always", "--wipe-partitions", "always", "--no-reread",
        "--no-tell-kernel", disk.path, given=sfdisk_script(entries),
    )  # fmt: skip
    programs.run("sh", "-c", HAND_ON, "hand-on", disk.path)
    _take_table(disk, programs)


def _take_table(disk: Disk, programs: Programs) -> None:
    """Let the kernel take the table that was written, and return when udev knows it. Raises
    ToolFailed.

    udev looks at a disk as soon as its writer closes it, and the kernel takes no table while a
    partition of the old one, or of the one udev read itself, is open.
    """
    for left in reversed(range(TABLE_TRIES)):
        programs.run("udevadm", "settle", "--timeout=30", may_fail=True)
        try:
            programs.run("blockdev", "--rereadpt", disk.path)
            break
        except ToolFailed:
            if not left:
                raise
    programs.run("udevadm", "settle", "--timeout=30", may_fail=True)


def partition_path(disk: Disk, number: int) -> str:
    """``/dev/vda1``, ``/dev/nvme0n1p1``."""
    between = "p" if disk.name[-1].isdigit() else ""
    return f"{disk.path}{between}{number}"
