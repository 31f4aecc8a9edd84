"""What a BMC tells over IPMI about itself and its machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from drydockd.drivers.base import BmcFacts
from drydockd.drivers.oob import ipmi_answers as answers
from drydockd.drivers.oob.ipmi_bmc import IpmiBmc
from drydockd.errors import DriverPersistent

VENDOR = ("Product Manufacturer", "Board Mfg")
MODEL = ("Product Name", "Board Product")
# The board's own serial number is not the machine's.
SERIAL = ("Product Serial", "Chassis Serial")


async def facts_of(bmc: IpmiBmc) -> BmcFacts:
    """Ask everything; each question is repeated for itself within the deadline of `bmc`.

    No MAC addresses: the one a BMC has over IPMI is its own, not the machine's.
    """
    odd: list[str] = []
    status, seconds = await bmc.repeated(lambda: _timed(bmc))
    odd += answers.faults_of(status)
    boot = await _boot_device(bmc, odd)
    fru = await bmc.repeated(lambda: bmc.lines("read the FRU", "fru", "print", "0"))
    about = await bmc.repeated(lambda: bmc.lines("read about the BMC", "mc", "info"))
    guid = await bmc.repeated(bmc.guid)
    return BmcFacts(
        "ipmi",
        answers.power_of(status),
        boot_device=boot,
        vendor=_first(fru, VENDOR) or about.get("Manufacturer Name"),
        model=_first(fru, MODEL),
        serial=_first(fru, SERIAL),
        uuid=_uuid(guid, odd),
        firmware=about.get("Firmware Revision"),
        seconds=seconds,
        odd=tuple(odd),
    )


async def _timed(bmc: IpmiBmc) -> tuple[bytes, float]:
    clock = asyncio.get_running_loop().time
    began = clock()
    status = await bmc.status()
    return status, clock() - began


async def _boot_device(bmc: IpmiBmc, odd: list[str]) -> str | None:
    try:
        flags = await bmc.repeated(bmc.boot_flags)
    except DriverPersistent as error:
        odd.append(f"does not tell its boot device: {error}")
        return None
    return str(flags)


def _uuid(guid: bytes | None, odd: list[str]) -> str | None:
    """The machine's UUID where its byte order is certain; a guess could be a stranger's."""
    if guid is None:
        return None
    likely = answers.guids_of(guid)
    if len(likely) == 1:
        return likely[0]
    if likely:
        odd.append(f"has a system GUID of uncertain byte order: {' or '.join(likely)}")
    else:
        odd.append(f"has a system GUID that is no UUID: {guid.hex()}")
    return None


def _first(known: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((known[name] for name in names if name in known), None)
