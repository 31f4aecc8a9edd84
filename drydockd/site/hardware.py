"""Hardware profiles: what a kind of machine has, and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Begins the address of a device alias that is a regular expression.
PATTERN = "regexp:"


@dataclass(frozen=True, slots=True)
class DeviceAlias:
    alias: str
    address: str
    bus_type: str
    dev_type: str | None = None


@dataclass(frozen=True, slots=True)
class HugepagesConf:
    name: str
    size: str
    count: int


@dataclass(frozen=True, slots=True)
class HardwareProfile:
    name: str
    vendor: str | None = None
    generation: str | None = None
    hw_version: str | None = None
    bios_version: str | None = None
    boot_mode: str | None = None
    bootstrap_protocol: str | None = None
    pxe_interface: str | None = None
    devices: tuple[DeviceAlias, ...] = ()
    cpu_sets: Mapping[str, str] = field(default_factory=dict)
    hugepages_confs: tuple[HugepagesConf, ...] = ()
