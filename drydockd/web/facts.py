"""Build data as tables: what lshw, LLDP and the like told, shown as what it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from drydockd.design import inventory
from drydockd.design.written import leaves
from drydockd.errors import InvalidDesign
from drydockd.machines import Device
from drydockd.model import BuildData

# Of a document in no form we know so much is shown; the API gives the whole.
MOST_TEXT = 20_000
MOST_ROWS = 400
# A record longer than this is not taken apart for a page.
MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Facts:
    """One document: `pairs` of a name and a value, `head` and `rows` of a table, or its `text`."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    head: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    text: str = ""
    is_cut: bool = False


def facts_of(record: BuildData) -> Facts:
    """Return what a record tells; a document that cannot be read is shown as its text."""
    text = record.data_element
    if len(text) > MOST_BYTES:
        return _as_text(text)
    start = text.lstrip()[:1]
    if start == "<":
        return _lshw(text) if record.generator == "lshw" else _xml(text)
    return _json(text) if start in ("{", "[") else _as_text(text)


def _as_text(text: str) -> Facts:
    return Facts(text=text[:MOST_TEXT], is_cut=len(text) > MOST_TEXT)


def _lshw(text: str) -> Facts:
    try:
        devices, make = inventory.parse_lshw(text), inventory.make_of(text)
        who = inventory.identity_of(text)
    except InvalidDesign:
        return _as_text(text)
    pairs = [
        ("Vendor", make.vendor), ("Model", make.model), ("Firmware", make.bios_version),
        ("Serial number", who.serial), ("UUID", who.uuid),
    ]  # fmt: skip
    rows = [
        (
            one.kind, ", ".join(one.names), one.businfo or "", one.serial or "",
            _size(one), one.wwn or "",
        )
        for one in devices
        if one.kind != "other"
    ]  # fmt: skip
    head = ("Kind", "Name", "Bus address", "MAC or serial number", "Size", "WWN")
    return Facts([(name, value) for name, value in pairs if value], head, rows[:MOST_ROWS])


def _size(device: Device) -> str:
    """The size of a disk; what lshw calls the size of a NIC is its speed."""
    is_disk = device.kind == "disk" and device.size_bytes
    return f"{(device.size_bytes or 0) / 1e9:,.0f} GB" if is_disk else ""


def _xml(text: str) -> Facts:
    """Name every text by the elements around it, as LLDP's neighbours are told."""
    around: list[str] = []
    rows: list[tuple[str, ...]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        around.append(attributes.get("name") or attributes.get("label") or tag)
        for name, value in attributes.items():
            if name not in ("name", "label"):
                rows.append((" › ".join([*around[1:], name]), value))

    def said(piece: str) -> None:
        if piece.strip():
            rows.append((" › ".join(around[1:]), piece.strip()))

    reader = expat.ParserCreate()
    reader.buffer_text = True
    reader.StartElementHandler, reader.CharacterDataHandler = start, said
    reader.EndElementHandler = lambda tag: around.pop()
    reader.StartDoctypeDeclHandler = _refuse
    try:
        reader.Parse(text, True)
    except (expat.ExpatError, InvalidDesign):
        return _as_text(text)
    head = ("What", "Value")
    return Facts(head=head, rows=rows[:MOST_ROWS], is_cut=len(rows) > MOST_ROWS)


def _refuse(*_: object) -> None:
    """A document type may stand for more than there is memory."""
    raise InvalidDesign("a document type in build data")


def _json(text: str) -> Facts:
    try:
        found = json.loads(text)
    except ValueError:
        return _as_text(text)
    rows = [(" › ".join(path), str(value)) for path, value in leaves(found)]
    return Facts(head=("What", "Value"), rows=rows[:MOST_ROWS], is_cut=len(rows) > MOST_ROWS)
