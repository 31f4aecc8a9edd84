import json

import pytest

from drydockd.design.adopt.machine import clean, machine_of
from drydockd.errors import InvalidDesign
from tests.design.lshw import LSHW


def test_an_unnamed_machine_boots_from_the_nic_it_is_called_after():
    machine = machine_of("mac-525400aa0002", {"lshw": LSHW})
    assert (machine.boot_mac, machine.boot_mac_told) == ("52:54:00:aa:00:02", True)
    assert machine.boot_nic.name == "eno2"


def test_what_is_no_vlan_and_no_json_is_left_out():
    lldp = {"eno1": {"system": "s", "native_vlan": "4095", "vlans": {"7": "", "x": ""}}, "eno2": []}
    documents = {"lshw": LSHW, "lldp": json.dumps(lldp), "hardware": "{"}
    machine = machine_of("n1", documents)
    assert machine.nics[0].neighbour.native_vlan is None
    assert machine.nics[0].neighbour.vlans == {7}
    assert machine.notes == ("its hardware document is not JSON and was left out",)


def test_without_lshw_there_is_no_machine():
    with pytest.raises(InvalidDesign, match="n1: has no lshw"):
        machine_of("n1", {})


def test_a_text_becomes_one_printable_line():
    assert clean(" a\n---\x1b[2J b ") == "a --- [2J b"
