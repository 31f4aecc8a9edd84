"""What a node is made of, as its inventory tells: NICs and disks with their identity.

A provisioner tells the devices itself, or brings the text of lshw, from which they are read.
Plans name devices as the operating system does, and add what survives another kernel's naming:
a NIC's MAC address, a disk's serial number, the bus address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from xml.parsers import expat

from drydockd.design.aliases import logical_names
from drydockd.errors import InvalidDesign
from drydockd.machines import Device, Identity, Inventory, canonical_mac
from drydockd.plans import DeviceName
from drydockd.site import Node, Site

# A machine with hundreds of disks stays under 1 MB.
LARGEST_BYTES = 16 * 1024 * 1024
DEEPEST = 64
MOST_DEVICES = 10_000

# Virtio disks are "generic" to lshw before B.02.19, NVMe ones "storage" before B.02.20.
_DISK_CLASSES = ("disk", "generic", "storage")
_TEXTS = ("businfo", "logicalname", "serial", "size", "vendor", "product", "version")


@dataclass(frozen=True, slots=True)
class Make:
    """Who made a machine, and the version of its firmware; None: not told."""

    vendor: str | None = None
    model: str | None = None
    bios_version: str | None = None


@dataclass(frozen=True, slots=True)
class Hardware:
    """A node's devices, and the OS name of every alias of its hardware profile."""

    names: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()

    def name_of(self, alias: str) -> str:
        """The OS name of a device alias; what is no alias is a name already, with or without
        the directories before it (``disk/by-id/wwn-0x5``, ``mapper/mpatha``)."""
        return self.names.get(alias) or alias.rpartition("/")[2] or alias

    def nic(self, alias: str) -> DeviceName:
        """The NIC of an alias or name; one unknown to the inventory has its name only."""
        name = self.name_of(alias)
        device = self._find("network", name)
        return device_name(device, name) if device else DeviceName(name)

    def disk(self, alias: str) -> Device | None:
        """The disk of an alias, name or path, None if the inventory has no such disk."""
        found = self._find("disk", self.name_of(alias))
        if found is None and "by-id/" in alias:
            # udev ends the names in /dev/disk/by-id with the serial number.
            for device in self.devices:
                ends = (f"_{device.serial}", f"-{device.serial}")
                if device.kind == "disk" and device.serial and alias.endswith(ends):
                    return device
        return found

    @property
    def disk_names(self) -> list[str]:
        """Every name of every disk: those of one are separated by ``=``."""
        return ["=".join(device.names) for device in self.devices if device.kind == "disk"]

    def _find(self, kind: str, name: str) -> Device | None:
        for device in self.devices:
            if device.kind == kind and name in device.names:
                return device
        return None


def device_name(device: Device, name: str) -> DeviceName:
    """How a plan names a device: by `name` and everything that identifies it."""
    bus_address = device.businfo.partition("@")[2] if device.businfo else None
    if device.kind == "network":
        return DeviceName(name, mac=device.serial, bus_address=bus_address)
    return DeviceName(name, serial=device.serial, bus_address=bus_address, wwn=device.wwn)


def hardware_of(site: Site, node: Node, inventory: Inventory) -> Hardware:
    """Return the devices of a node and what its aliases name among them.

    Raises InvalidDesign when the inventory tells no devices, or its lshw cannot be read.
    """
    devices = devices_of(node, inventory)
    profile = node.hardware or site.hardware_profiles.get(node.hardware_profile or "")
    return Hardware(logical_names(profile, devices) if profile else {}, devices)


def devices_of(node: Node, inventory: Inventory) -> tuple[Device, ...]:
    """Return the devices an inventory tells, whatever its source. Raises InvalidDesign."""
    if inventory.devices is not None:
        return inventory.devices
    for document in inventory.documents:
        if document.generator == "lshw":
            return _identified(parse_lshw(document.text), inventory.identities)
    raise InvalidDesign(
        f"node {node.name}: the provisioner's inventory has neither devices nor an lshw document"
    )


def _identified(devices: tuple[Device, ...], identities: tuple[Device, ...]) -> tuple[Device, ...]:
    """The devices with serial and worldwide name where only `identities` tell them."""
    known = {name: device for device in identities for name in device.names}
    told = []
    for device in devices:
        other = next((known[name] for name in device.names if name in known), None)
        if device.kind == "disk" and other is not None:
            device = replace(
                device, serial=device.serial or other.serial, wwn=device.wwn or other.wwn
            )
        told.append(device)
    return tuple(told)


def parse_lshw(text: str) -> tuple[Device, ...]:
    """Return the devices of ``lshw -xml``, in document order.

    NICs and disks need a logical name, others a bus address too. A character that XML may not
    hold is left out, a bare ``&`` is text. A document type, and with it
    every entity of the author's, is refused. Raises InvalidDesign with line and cause.
    Source: lshw(1).
    """
    return tuple(_read(text).devices)


def identity_of(text: str) -> Identity:
    """Return serial and UUID of the system and the MACs of its NICs, from ``lshw -xml``.

    Raises InvalidDesign. Source: lshw(1); serial and UUID are those of DMI type 1.
    """
    reader = _read(text)
    macs = (device.serial for device in reader.devices if device.kind == "network")
    return Identity(reader.system_serial, reader.system_uuid, tuple(mac for mac in macs if mac))


def make_of(text: str) -> Make:
    """Return vendor, model and firmware version, from ``lshw -xml``. Raises InvalidDesign."""
    return _read(text).make


def _read(text: str) -> _LshwReader:
    if len(text) > LARGEST_BYTES:
        raise InvalidDesign(f"lshw: {len(text)} characters are more than {LARGEST_BYTES}")
    return _parse(text, is_mended=False)


def _parse(text: str, *, is_mended: bool) -> _LshwReader:
    reader = _LshwReader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, UnicodeEncodeError) as error:
        if not is_mended:
            return _parse(_MENDABLE.sub(_mended, text), is_mended=True)
        raise InvalidDesign(f"lshw: not XML: {error}") from error
    reader.devices = [device for device in reader.devices if device.kind]
    return reader


# What firmware puts into serial numbers and lshw copies: characters that XML may not hold, raw
# or as a reference, and an & that begins no entity of XML's own.
_MENDABLE = re.compile(
    "[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)"
    "|&#(?:([0-9]{1,7})|x([0-9A-Fa-f]{1,6}));"
)


def _mended(found: re.Match[str]) -> str:
    if found[0] == "&":
        return "&amp;"
    if found[1] is None and found[2] is None:
        return ""
    code = int(found[1]) if found[1] else int(found[2], 16)
    is_good = code < 0x110000 and _MENDABLE.fullmatch(chr(code)) is None
    return found[0] if is_good or code == ord("&") else ""


def _refuse_doctype(*_: object) -> None:
    raise InvalidDesign("lshw: a document type is not accepted")


class _LshwReader:
    """Collects devices while expat walks; `node` elements nest, so their texts are a stack."""

    def __init__(self) -> None:
        self.devices: list[Device] = []
        self.system_serial: str | None = None
        self.system_uuid: str | None = None
        self.make = Make()
        self._depth = 0
        self._nodes: list[tuple[str, dict[str, list[str]], int]] = []
        self._texts: list[str] | None = None
        self._parts: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidDesign(f"lshw: elements nest deeper than {DEEPEST}")
        self._end_text()
        if tag == "node":
            # Children come before their siblings in the document, so a place is kept here.
            if len(self.devices) >= MOST_DEVICES:
                raise InvalidDesign(f"lshw: more than {MOST_DEVICES} nodes")
            self.devices.append(Device("", ()))
            is_firmware = attributes.get("id") == "firmware"
            kind = "firmware" if is_firmware else attributes.get("class", "")
            self._nodes.append((kind, {}, len(self.devices) - 1))
        elif tag == "setting" and attributes.get("id") == "uuid" and self._in_system():
            self.system_uuid = self.system_uuid or attributes.get("value")
        elif tag == "capability" and attributes.get("id") == "removable" and self._nodes:
            self._nodes[-1][1]["removable"] = []
        elif tag in _TEXTS and self._nodes:
            self._texts = self._nodes[-1][1].setdefault(tag, [])

    def _in_system(self) -> bool:
        return bool(self._nodes) and self._nodes[-1][0] == "system"

    def text(self, text: str) -> None:
        if self._texts is not None:
            self._parts.append(text)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._end_text()
        if tag == "node":
            if self._in_system():
                self.system_serial = self.system_serial or _first(self._nodes[-1][1], "serial")
            kind, texts, place = self._nodes.pop()
            self._note_make(kind, texts)
            self.devices[place] = _device(kind, texts)

    def _note_make(self, kind: str, texts: dict[str, list[str]]) -> None:
        # The system's own element ends last; children of that class are parts of it.
        if kind == "firmware" and self.make.bios_version is None:
            self.make = replace(self.make, bios_version=_first(texts, "version"))
        elif kind == "system" and not self._nodes:
            vendor, model = _first(texts, "vendor"), _first(texts, "product")
            self.make = replace(self.make, vendor=vendor, model=model)

    def _end_text(self) -> None:
        # Joined once: adding to a text of megabytes copies it every time.
        if self._texts is not None:
            self._texts.append("".join(self._parts))
            self._texts, self._parts = None, []


def _device(kind: str, texts: dict[str, list[str]]) -> Device:
    """Return the device of one finished ``node`` element; one without `kind` is none of ours."""
    paths = [name.strip() for name in texts.get("logicalname", ())]
    if kind in _DISK_CLASSES and any(path.startswith("/dev/") for path in paths):
        kind = "disk"
    elif kind != "network":
        kind = "other"
    names = tuple(path.rpartition("/")[2] for path in paths if path.rpartition("/")[2])
    businfo = _first(texts, "businfo")
    if not names or (kind == "other" and not businfo):
        return Device("", ())
    size, serial = _first(texts, "size"), _first(texts, "serial")
    if kind == "network" and serial:
        serial = canonical_mac(serial) or serial
    return Device(
        kind,
        names,
        businfo,
        serial,
        int(size) if size and size.isdecimal() else None,
        is_removable="removable" in texts,
    )


def _first(texts: dict[str, list[str]], tag: str) -> str | None:
    found = texts.get(tag)
    return (found[0].strip() or None) if found else None
