"""Who a machine is by what its firmware tells, in whatever way it writes that."""

import pytest

from drydockd.drivers.node.netboot.identity import contradiction, is_one_serial, is_one_uuid
from drydockd.drivers.node.netboot.machine import Machine
from tests.drivers.node.netboot.shelves import MAC, a_hello

UUID = "8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f0001"
KNOWN = Machine(MAC, name="n1", uuid=UUID, serial="S-1")


@pytest.mark.parametrize("told", [UUID.upper(), "526f3f8d-c230-6e4c-9a8c-0d5b1b2f0001"])
def test_4_a_uuid_is_the_same_in_either_order_of_bytes(told):
    assert is_one_uuid(UUID, told)
    assert contradiction(KNOWN, a_hello(uuid=told)) is None


def test_another_uuid_is_another_machine_and_the_text_names_both():
    told = "8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f0002"
    assert contradiction(KNOWN, a_hello(uuid=told)) == (
        f"n1 ({MAC}): the machine that started has UUID {told}, not {UUID}"
    )


def test_what_is_no_uuid_is_compared_as_text():
    assert is_one_uuid("u-1", "U-1")
    assert not is_one_uuid("u-1", UUID)


def test_a_serial_number_may_have_blanks_around_it_and_letters_of_either_size():
    assert is_one_serial(" abC-1 ", "ABC-1")
    assert "serial number S-9, not S-1" in contradiction(KNOWN, a_hello(uuid=None, serial="S-9"))


def test_what_is_not_told_contradicts_nothing():
    assert contradiction(KNOWN, a_hello(uuid=None, serial=None)) is None
    assert contradiction(Machine(MAC), a_hello()) is None
