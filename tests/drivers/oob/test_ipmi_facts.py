"""What becomes of a BMC's answers when it is asked for all it knows."""

import uuid

import pytest

from drydockd.drivers.oob.ipmi_facts import facts_of
from drydockd.drivers.oob.ipmitool import Refused
from drydockd.machines import PowerState
from tests.drivers.oob.test_ipmi_bmc import READ, STATUS, bmc

GUID = "raw 0x06 0x37"
SOME = uuid.UUID("c1a5a6b0-7c3e-4f00-9b3f-2a51d9a1d2c3")
BOTH = uuid.UUID("c1a5a6b0-7c3e-4f10-9b3f-2a51d9a1d2c3")
KNOWN = {
    STATUS: "09 00 08",
    READ: "01 05 a0 04 00 00 00",
    "fru print 0": " Board Mfg : Acme\n Board Serial : B-1\n Product Name : Anvil\n",
    "mc info": "Firmware Revision : 2.71\nManufacturer Name : Chips Inc.\n",
    GUID: SOME.bytes.hex(" "),
}


async def facts(**more):
    return await facts_of(bmc({**KNOWN, **more})[0])


async def test_what_it_tells_is_told():
    seen = await facts()
    assert (seen.power, seen.boot_device) == (PowerState.ON, "network, once, EFI")
    assert (seen.vendor, seen.model, seen.firmware) == ("Acme", "Anvil", "2.71")
    assert seen.uuid == str(SOME)
    assert seen.odd == ("says power fault", "says fan fault")


async def test_the_serial_number_of_the_board_is_not_that_of_the_machine():
    assert (await facts()).serial is None


async def test_the_mac_address_of_the_bmc_is_not_one_of_the_machine():
    assert (await facts()).macs == ()


async def test_a_guid_of_uncertain_byte_order_is_odd_and_identifies_nothing():
    seen = await facts(**{GUID: BOTH.bytes.hex(" ")})
    assert seen.uuid is None
    assert str(BOTH) in seen.odd[-1]


@pytest.mark.parametrize("raw", ["00" * 16, "61" * 16])
async def test_a_guid_that_is_no_uuid_is_odd(raw):
    seen = await facts(**{GUID: raw})
    assert (seen.uuid, seen.odd[-1]) == (None, f"has a system GUID that is no UUID: {raw}")


async def test_a_bmc_that_keeps_its_boot_device_to_itself_is_odd_and_no_failure():
    seen = await facts(**{READ: Refused(0xC1, "Invalid command")})
    assert seen.boot_device is None
    assert "does not tell its boot device" in seen.odd[-1]
