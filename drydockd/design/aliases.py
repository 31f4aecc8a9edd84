"""Device aliases of a hardware profile, as the names an operating system gave the devices.

Source: contract, effective-design, section 3.2; lshw(1) for the inventory's format.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from drydockd.site import DeviceAlias, HardwareProfile

log = logging.getLogger(__name__)

PATTERN = "regexp:"
# The inventory comes from the node: a machine with hundreds of disks stays under 1 MB.
LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Element:
    """An lshw ``node`` with a bus address and a logical name."""

    kind: str
    businfo: str
    name: str


def logical_names(profile: HardwareProfile, lshw: str | None) -> dict[str, str]:
    """Return alias -> OS device name (``sda``, ``eno1``) for every alias of `profile`.

    `lshw` is the newest ``lshw -xml`` of the node. Without one, or with one that is no XML,
    the map is empty; an alias that is not found maps to itself. A name that is no key is a
    device name already. Fails for nothing.
    """
    elements = _elements(lshw) if lshw else None
    if elements is None:
        return {}
    return {device.alias: _name_of(device, elements) for device in profile.devices}


def _elements(lshw: str) -> list[_Element] | None:
    # A document type brings entities, and entities multiply; lshw writes none.
    if len(lshw) > LARGEST or "<!DOCTYPE" in lshw:
        log.warning("an lshw inventory is too large or has a document type; not used")
        return None
    try:
        root = ElementTree.fromstring(lshw)  # noqa: S314 - entities are refused above
    except (ElementTree.ParseError, ValueError) as error:
        log.warning("an lshw inventory is no XML: %s", error)
        return None
    return list(_usable(root))


def _usable(root: ElementTree.Element) -> Iterator[_Element]:
    for element in root.iter("node"):
        businfo = (element.findtext("businfo") or "").strip()
        name = (element.findtext("logicalname") or "").strip().rpartition("/")[2]
        if businfo and name:
            yield _Element(element.get("class", ""), businfo, name)


def _name_of(device: DeviceAlias, elements: list[_Element]) -> str:
    if device.address.startswith(PATTERN):
        return _matching(device, elements)
    wanted = f"{device.bus_type}@{device.address}"
    return next((e.name for e in elements if e.businfo == wanted), device.alias)


def _matching(device: DeviceAlias, elements: list[_Element]) -> str:
    try:
        pattern = re.compile(device.address[len(PATTERN) :])
    except re.error as error:
        log.warning("device alias %s: not a regular expression: %s", device.alias, error)
        return device.alias
    for element in elements:
        bus, _, address = element.businfo.partition("@")
        if element.kind == "network" and bus == "pci" and pattern.match(address):
            return element.name
    return device.alias
