"""Whether the machine that says hello is the one that is known, by what its firmware tells. Pure.

Source: contract, netboot, section 10, row 4.
"""

from __future__ import annotations

from uuid import UUID

from drydockd.drivers.node.netboot.machine import Machine
from drydockd.drivers.node.netboot.messages import Hello


def contradiction(machine: Machine, hello: Hello) -> str | None:
    """Why the machine that says hello is not the one that is known; None: nothing says so."""
    for what, known, told, is_one in (
        ("UUID", machine.uuid, hello.uuid, is_one_uuid),
        ("serial number", machine.serial, hello.serial, is_one_serial),
    ):
        if known and told and not is_one(known, told):
            return f"{machine.label}: the machine that started has {what} {told}, not {known}"
    return None


def is_one_serial(known: str, told: str) -> bool:
    return known.strip().casefold() == told.strip().casefold()


def is_one_uuid(known: str, told: str) -> bool:
    """Some BMCs tell the first three fields in the other order of bytes: SMBIOS changed it."""
    try:
        mine, other = UUID(known), UUID(told)
    except ValueError:
        return known.casefold() == told.casefold()
    return mine in (other, UUID(bytes=other.bytes_le))
