"""HardwareProfile: device aliases, CPU sets, huge pages. Source: contract, design, section 3.5."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Required

from pydantic import with_config
from typing_extensions import TypedDict

from drydockd.design.documents.fields import CLOSED, OPEN, Count, Number
from drydockd.errors import InvalidInput
from drydockd.patterns import matcher
from drydockd.site import PATTERN, DeviceAlias, HardwareProfile, HugepagesConf

# Each is tried on every NIC of an inventory.
MOST_PATTERNS = 64


@with_config(OPEN)
class AliasBody(TypedDict, total=False):
    address: Required[str]
    bus_type: Required[str]
    dev_type: str


@with_config(OPEN)
class HugepagesBody(TypedDict):
    size: str
    count: Count


@with_config(CLOSED)
class Body(TypedDict, total=False):
    vendor: str
    generation: str
    hw_version: str
    bios_version: str
    boot_mode: Literal["bios", "uefi"]
    bootstrap_protocol: Literal["pxe", "usb", "hdd"]
    pxe_interface: Number
    device_aliases: dict[str, AliasBody]
    cpu_sets: dict[str, str]
    hugepages: dict[str, HugepagesBody]


def patterns(body: Body) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Regular expressions that are none, cannot be had in linear time, or are too many."""
    count = 0
    for alias, entry in body.get("device_aliases", {}).items():
        if not entry["address"].startswith(PATTERN):
            continue
        count += 1
        path = ("device_aliases", alias, "address")
        if count > MOST_PATTERNS:
            yield path, f"at most {MOST_PATTERNS} aliases may be a {PATTERN}"
            return
        try:
            matcher(entry["address"][len(PATTERN) :])
        except InvalidInput as error:
            yield path, f"a regular expression of RE2 is required: {error}"


def build(name: str, body: Body) -> HardwareProfile:
    pxe_interface = body.get("pxe_interface")
    return HardwareProfile(
        name=name,
        vendor=body.get("vendor"),
        generation=body.get("generation"),
        hw_version=body.get("hw_version"),
        bios_version=body.get("bios_version"),
        boot_mode=body.get("boot_mode"),
        bootstrap_protocol=body.get("bootstrap_protocol"),
        pxe_interface=None if pxe_interface is None else str(pxe_interface),
        devices=tuple(
            DeviceAlias(alias, entry["address"], entry["bus_type"], entry.get("dev_type"))
            for alias, entry in body.get("device_aliases", {}).items()
        ),
        cpu_sets=body.get("cpu_sets", {}),
        hugepages_confs=tuple(
            HugepagesConf(key, entry["size"], entry["count"])
            for key, entry in body.get("hugepages", {}).items()
        ),
    )
