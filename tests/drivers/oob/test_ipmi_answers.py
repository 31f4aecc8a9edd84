"""What the bytes and lines of a BMC's answers say."""

import uuid

import pytest

from drydockd.drivers.oob import ipmi_answers as answers
from drydockd.drivers.oob.ipmi_answers import DISK, PXE, Unreadable
from drydockd.machines import PowerState

# As a BMC of version 4, RFC 4122 order; the eighth byte does not look like a version.
CERTAIN = uuid.UUID("c1a5a6b0-7c3e-4f00-9b3f-2a51d9a1d2c3")


def test_the_bytes_of_a_raw_answer_may_stand_in_many_lines():
    assert answers.octets(" 01 02\n ff\n") == b"\x01\x02\xff"
    with pytest.raises(Unreadable):
        answers.octets("no bytes")


def test_the_power_is_the_lowest_bit():
    assert answers.power_of(bytes.fromhex("21104070")) is PowerState.ON
    assert answers.power_of(bytes.fromhex("20104070")) is PowerState.OFF
    with pytest.raises(Unreadable):
        answers.power_of(b"")


def test_a_chassis_that_complains_is_odd():
    assert list(answers.faults_of(bytes.fromhex("090004"))) == [
        "says power fault",
        "says drive fault",
    ]
    assert list(answers.faults_of(bytes.fromhex("21104070"))) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("01 05 80 04 00 00 00", "network, once"),
        ("01 05 c0 08 00 00 00", "disk, always"),
        ("01 05 a0 04 00 00 00", "network, once, EFI"),
        ("01 05 00 04 00 00 00", "network, once, not marked valid"),
        ("01 85 80 04 00 00 00", "network, once, not marked valid"),
        ("01 05 80 3c 00 00 00", "device 15, once"),
        ("01 05 00 00 00 00 00", "none"),
    ],
)
def test_boot_flags_are_told_in_words(answer, said):
    assert str(answers.boot_flags(bytes.fromhex(answer))) == said


@pytest.mark.parametrize("answer", ["", "01 05 80", "01 06 80 04 00 00 00"])
def test_boot_flags_that_are_none_are_unreadable(answer):
    with pytest.raises(Unreadable):
        answers.boot_flags(bytes.fromhex(answer))


def test_the_bytes_that_set_a_boot_device_are_those_of_the_standard():
    assert " ".join(answers.set_boot_words(PXE, is_efi=False)) == (
        "0x00 0x08 0x05 0x80 0x04 0x00 0x00 0x00"
    )
    assert answers.set_boot_words(PXE, is_efi=True)[3:5] == ("0xa0", "0x04")
    assert answers.set_boot_words(DISK, is_efi=True)[3:5] == ("0xa0", "0x08")


@pytest.mark.parametrize("order", ["bytes", "bytes_le", "reversed"])
def test_a_guid_is_read_in_whichever_byte_order_makes_it_a_uuid(order):
    raw = CERTAIN.bytes[::-1] if order == "reversed" else getattr(CERTAIN, order)
    assert str(CERTAIN) in answers.guids_of(raw)


def test_a_guid_that_only_one_order_makes_a_uuid_is_certain():
    assert answers.guids_of(CERTAIN.bytes) == (str(CERTAIN),)


@pytest.mark.parametrize("raw", [b"", bytes(16), b"\xff" * 16, b"short"])
def test_a_guid_that_nobody_set_is_none(raw):
    assert answers.guids_of(raw) == ()


def test_fields_leave_out_what_nobody_wrote():
    text = (
        " Product Manufacturer  : Acme\n Product Serial : To be filled by O.E.M.\n"
        " Chassis Serial : N/A\n Product Name : Anvil: 9\n Product Name : other\nno field\n"
        " Manufacturer Name : Unknown (0x1234)\n Board Serial :\n"
    )
    assert answers.fields(text) == {"Product Manufacturer": "Acme", "Product Name": "Anvil: 9"}


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("20 01 03 88 02 bf 7c 2a 00 71", 10876),
        ("20 01 03 88 02 bf 91 12 f0", 0x1291),
        ("20", None),
    ],
)
def test_the_maker_of_a_bmc_is_its_enterprise_number(answer, number):
    assert answers.maker_of(bytes.fromhex(answer)) == number
