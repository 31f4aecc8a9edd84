"""The questions to a BMC: what each sends, and what an answer or a refusal to it means."""

import asyncio

import pytest

from drydockd.drivers.oob.ipmi_bmc import IpmiBmc
from drydockd.drivers.oob.ipmitool import NoAnswer, Refused
from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.machines import PowerState
from tests.drivers.oob.ipmi_nodes import bmc_at

KEEP = "raw 0x00 0x08 0x03 0x08"
SET = "raw 0x00 0x08 0x05 0x80 0x04 0x00 0x00 0x00"
READ = "raw 0x00 0x09 0x05 0x00 0x00"
STATUS = "raw 0x00 0x01"


class Tool:
    """An Ipmitool that has an answer, or an error, for each question."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    async def ask(self, bmc, what, *words, until, is_act=False):
        line = " ".join(words)
        self.asked.append(line)
        answer = self.answers.get(line, "")
        if isinstance(answer, Exception):
            raise answer
        return answer


def bmc(answers):
    tool = Tool(**answers)
    until = asyncio.get_running_loop().time() + 3600
    return IpmiBmc(tool, bmc_at(623), until, (0,)), tool


async def test_a_bmc_without_parameter_three_takes_the_boot_device_all_the_same():
    one, tool = bmc({KEEP: Refused(0x80, "Unknown (0x80)"), READ: "01 05 80 04 00 00 00"})
    flags = await one.set_boot_device(1, is_efi=False)
    assert flags.is_valid
    assert tool.asked == [KEEP, SET, READ]


async def test_a_boot_device_that_is_taken_and_not_kept_is_worth_another_try():
    one, _ = bmc({READ: "01 05 80 08 00 00 00"})
    with pytest.raises(DriverTransient, match="said yes, and reads back: disk, once"):
        await one.set_boot_device(1, is_efi=False)


@pytest.mark.parametrize("code", [0x81, 0xC0, 0xC3, 0xD2, 0xD5, 0xFF])
async def test_a_bmc_that_is_busy_or_starting_is_asked_again(code):
    one, _ = bmc({STATUS: Refused(code, "text")})
    with pytest.raises(DriverTransient, match=f"refuses it .completion code 0x{code:02x}, text"):
        await one.power()


@pytest.mark.parametrize("code", [0xC1, 0xCC])
async def test_a_bmc_that_does_not_know_the_question_is_not(code):
    one, _ = bmc({STATUS: Refused(code, "text")})
    with pytest.raises(DriverPersistent):
        await one.power()


async def test_a_privilege_that_is_not_enough_is_told():
    one, _ = bmc({"raw 0x00 0x02 0x00": Refused(0xD4, "Insufficient privilege level")})
    with pytest.raises(DriverPersistent, match=r"ADMINISTRATOR is not enough, see oob\.privilege"):
        await one.control(PowerState.OFF)


@pytest.mark.parametrize("answer", ["", "gibberish"])
async def test_an_answer_that_is_none_is_transient(answer):
    one, _ = bmc({STATUS: answer})
    with pytest.raises(DriverTransient, match="answers what is no answer to that"):
        await one.power()


async def test_words_without_an_answer_are_transient():
    one, _ = bmc({STATUS: NoAnswer("Device not present (x)")})
    with pytest.raises(DriverTransient, match="answers without an answer"):
        await one.power()


async def test_what_a_bmc_has_not_is_absent():
    one, _ = bmc({"raw 0x06 0x37": Refused(0xC1, "x"), "fru print 0": NoAnswer("not present")})
    assert await one.guid() is None
    assert await one.lines("read the FRU", "fru", "print", "0") == {}


WHO = "raw 0x06 0x01"
SUPERMICRO = ["20 01 03 88 02 bf 7c 2a 00 71 09 00 00 00 00", "20 01 01 01 02 bf 80 b9 00 2a 1a"]
OTHER = "20 01 09 08 02 9f 91 12 00 02 0f 00 00 00 00"
EFI_DISK = "raw 0x00 0x08 0x05 0xa0 0x08 0x00 0x00 0x00"
ITS_EFI_DISK = "raw 0x00 0x08 0x05 0xa0 0x24 0x00 0x00 0x00"


@pytest.mark.parametrize("told", SUPERMICRO)
async def test_e_a_supermicro_has_a_number_of_its_own_for_the_disk_with_uefi(told):
    one, tool = bmc({WHO: told, READ: "01 05 a0 24 00 00 00"})
    await one.set_boot_device(2, is_efi=True)
    assert tool.asked == [WHO, KEEP, ITS_EFI_DISK, READ]


async def test_e_a_supermicro_that_reads_its_disk_back_as_the_standard_has_it_is_right_too():
    one, _ = bmc({WHO: SUPERMICRO[0], READ: "01 05 a0 08 00 00 00"})
    assert (await one.set_boot_device(2, is_efi=True)).device == 2


@pytest.mark.parametrize("told", [OTHER, "20 01", Refused(0xC1, "no"), NoAnswer("nothing")])
async def test_e_all_others_and_those_that_do_not_say_get_the_standard_s(told):
    one, tool = bmc({WHO: told, READ: "01 05 a0 08 00 00 00"})
    await one.set_boot_device(2, is_efi=True)
    assert tool.asked == [WHO, KEEP, EFI_DISK, READ]


@pytest.mark.parametrize(("device", "is_efi"), [(1, True), (2, False)])
async def test_e_who_made_it_is_asked_only_for_the_disk_with_uefi(device, is_efi):
    byte = f"{device << 2:02x}"
    one, tool = bmc({READ: f"01 05 80 {byte} 00 00 00"})
    await one.set_boot_device(device, is_efi=is_efi)
    assert WHO not in tool.asked
