"""What Ironic's agent saw of a machine, as devices whose addresses are those of lshw. Pure.

Aliases of hardware profiles name devices as lshw does: ``pci@0000:19:00.0`` for NICs,
``scsi@0:2.0.0`` and ``nvme@0:1`` for disks. Source: ironic-python-agent, "Inspection data";
contract, effective-design, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from drydockd.machines import Device, Document, Inventory, canonical_mac

GENERATOR = "ironic"
_NVME = re.compile(r"nvme(\d+)n(\d+)")
_HCTL = re.compile(r"(\d+):(\d+):(\d+):(\d+)")
_PCI_PATH = re.compile(r"pci-([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")


def converted(answer: Mapping[str, Any]) -> Inventory:
    """Return the devices of an answer of ``/v1/nodes/{id}/inventory``, and its text to keep.

    A device without a name is left out; what is odd of one counts as not told.
    """
    found = answer.get("inventory")
    told = found if isinstance(found, Mapping) else {}
    nics = (_nic(entry) for entry in _entries(told, "interfaces"))
    disks = (_disk(entry) for entry in _entries(told, "disks"))
    devices = tuple(device for device in (*nics, *disks) if device is not None)
    text = orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
    return Inventory((Document(GENERATOR, "application/json", text),), devices)


def _entries(told: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = told.get(key)
    return [e for e in found if isinstance(e, Mapping)] if isinstance(found, list) else []


def _nic(entry: Mapping[str, Any]) -> Device | None:
    name, pci = _text(entry, "name"), _text(entry, "pci_address")
    if name is None:
        return None
    mac = canonical_mac(_text(entry, "mac_address") or "")
    return Device("network", (name,), f"pci@{pci.lower()}" if pci else None, mac)


def _disk(entry: Mapping[str, Any]) -> Device | None:
    name = (_text(entry, "name") or "").rpartition("/")[2]
    if not name:
        return None
    size = entry.get("size")
    return Device(
        "disk",
        (name,),
        _disk_address(name, _text(entry, "hctl"), _text(entry, "by_path")),
        _text(entry, "serial"),
        size if isinstance(size, int) and size > 0 else None,
        wwn=_text(entry, "wwn_with_extension") or _text(entry, "wwn"),
    )


def _disk_address(name: str, hctl: str | None, path: str | None) -> str | None:
    """``scsi@host:channel.target.lun``, ``nvme@controller:namespace``, else that of its bridge."""
    if nvme := _NVME.fullmatch(name):
        return f"nvme@{nvme[1]}:{nvme[2]}"
    if found := _HCTL.fullmatch(hctl or ""):
        return f"scsi@{found[1]}:{found[2]}.{found[3]}.{found[4]}"
    if found := _PCI_PATH.search(path or ""):
        return f"pci@{found[1]}"
    return None


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return value.strip() or None if isinstance(value, str) else None
