"""What a node is made of, as its lshw inventory tells: NICs and disks with their identity.

Plans name devices as the operating system does, and add what survives another kernel's naming:
a NIC's MAC address, a disk's serial number, the bus address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from drydockd.errors import InvalidDesign
from drydockd.plans import DeviceName

# A machine with hundreds of disks stays under 1 MB.
LARGEST_BYTES = 16 * 1024 * 1024
DEEPEST = 64

# Virtio disks are "generic" to lshw before B.02.19, NVMe ones "storage" before B.02.20.
_DISK_CLASSES = ("disk", "generic", "storage")
_TEXTS = ("businfo", "logicalname", "serial", "size")


@dataclass(frozen=True, slots=True)
class Device:
    """One NIC or disk. `names` are its OS names without ``/dev/``, the first one lshw's choice."""

    kind: str
    names: tuple[str, ...]
    businfo: str | None = None
    serial: str | None = None
    size_bytes: int | None = None

    def named(self, name: str) -> DeviceName:
        """How a plan names this device: by `name` and everything that identifies it."""
        bus_address = self.businfo.partition("@")[2] if self.businfo else None
        if self.kind == "network":
            return DeviceName(name, mac=self.serial, bus_address=bus_address)
        return DeviceName(name, serial=self.serial, bus_address=bus_address)


@dataclass(frozen=True, slots=True)
class Hardware:
    """A node's devices, and the OS name of every alias of its hardware profile."""

    names: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()

    def name_of(self, alias: str) -> str:
        """The OS name of a device alias; what is no alias is a name already."""
        return self.names.get(alias, alias)

    def nic(self, alias: str) -> DeviceName:
        """The NIC of an alias or name; one unknown to the inventory has its name only."""
        name = self.name_of(alias)
        device = self._find("network", name)
        return device.named(name) if device else DeviceName(name)

    def disk(self, alias: str) -> Device | None:
        """The disk of an alias or name, None if the inventory has no such disk."""
        return self._find("disk", self.name_of(alias))

    @property
    def disk_names(self) -> list[str]:
        return [device.names[0] for device in self.devices if device.kind == "disk"]

    def _find(self, kind: str, name: str) -> Device | None:
        for device in self.devices:
            if device.kind == kind and name in device.names:
                return device
        return None


def parse_lshw(text: str) -> tuple[Device, ...]:
    """Return the NICs and disks of ``lshw -xml``, in document order.

    Elements without a logical name are left out. A document type, and with it every entity
    of the author's, is refused. Raises InvalidDesign with line and cause. Source: lshw(1).
    """
    if len(text) > LARGEST_BYTES:
        raise InvalidDesign(f"lshw: {len(text)} characters are more than {LARGEST_BYTES}")
    reader = _LshwReader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise InvalidDesign(f"lshw: not XML: {error}") from error
    return tuple(reader.devices)


def _refuse_doctype(*_: object) -> None:
    raise InvalidDesign("lshw: a document type is not accepted")


class _LshwReader:
    """Collects devices while expat walks; `node` elements nest, so their texts are a stack."""

    def __init__(self) -> None:
        self.devices: list[Device] = []
        self._depth = 0
        self._nodes: list[tuple[str, dict[str, list[str]], int]] = []
        self._texts: list[str] | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise InvalidDesign(f"lshw: elements nest deeper than {DEEPEST}")
        self._texts = None
        if tag == "node":
            # Children come before their siblings in the document, so a place is kept here.
            self.devices.append(Device("", ()))
            self._nodes.append((attributes.get("class", ""), {}, len(self.devices) - 1))
        elif tag in _TEXTS and self._nodes:
            self._texts = self._nodes[-1][1].setdefault(tag, [])
            self._texts.append("")

    def text(self, text: str) -> None:
        if self._texts is not None:
            self._texts[-1] += text

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._texts = None
        if tag == "node":
            kind, texts, place = self._nodes.pop()
            self.devices[place] = _device(kind, texts)
        if not self._nodes:
            self.devices = [device for device in self.devices if device.kind]


def _device(kind: str, texts: dict[str, list[str]]) -> Device:
    """Return the device of one finished ``node`` element; one without `kind` is none of ours."""
    paths = [name.strip() for name in texts.get("logicalname", ())]
    if kind in _DISK_CLASSES and any(path.startswith("/dev/") for path in paths):
        kind = "disk"
    elif kind != "network":
        return Device("", ())
    names = tuple(path.rpartition("/")[2] for path in paths if path.rpartition("/")[2])
    if not names:
        return Device("", ())
    size = _first(texts, "size")
    return Device(
        kind,
        names,
        _first(texts, "businfo"),
        _first(texts, "serial"),
        int(size) if size and size.isdecimal() else None,
    )


def _first(texts: dict[str, list[str]], tag: str) -> str | None:
    found = texts.get(tag)
    return (found[0].strip() or None) if found else None
