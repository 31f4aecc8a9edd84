"""What a machine's BMC tells of it: the truth, except where the configuration says otherwise."""

from __future__ import annotations

from typing import Any

from drydockd.machines import BmcFacts
from drydockd.room.config import BmcConfig, Told
from drydockd.room.hardware import Hardware
from drydockd.room.machine import Machine


def facts_of(machine: Machine, hardware: Hardware, usual: BmcConfig) -> BmcFacts:
    """Return the facts; what `machine` has configured goes before what is `usual` in its room."""
    told: dict[str, Any] = {
        Told.SERIAL: hardware.serial,
        Told.UUID: hardware.uuid,
        Told.MACS: tuple(nic.mac for nic in hardware.nics),
        Told.NAME: machine.name,
        Told.VENDOR: hardware.vendor,
        Told.MODEL: hardware.product,
        Told.FIRMWARE: "1.0",
    }
    for said in (usual, machine.config.tells):
        told |= {key: value for key in Told if (value := getattr(said, key))}
        told |= {key: () if key is Told.MACS else None for key in said.omits}
    boot = machine.next_boot
    override = f"{boot}, once" if boot == "network" else boot
    return BmcFacts("fake", machine.power, boot_device=override, tls="none", **told)
