from drydockd.drivers.node.netboot.hints import hints
from drydockd.site import HardwareProfile
from tests.drivers.node.netboot.shelves import MAC

NICS = [
    {"name": "ens4", "mac": "52:54:00:00:00:02", "bus_address": "0000:00:04.0"},
    {"name": "ens3", "mac": MAC, "bus_address": "0000:00:03.0"},
]


def said(**fields):
    return list(hints(HardwareProfile("hw", **fields), MAC, NICS))


def test_a_machine_that_starts_as_its_profile_says_needs_no_word():
    assert said(pxe_interface="0", bootstrap_protocol="pxe") == []
    assert said() == list(hints(None, MAC, NICS)) == []


def test_another_nic_is_told():
    assert said(pxe_interface="1") == [
        f"it starts from {MAC}, and pxe_interface 1 is ens4 by bus address"
    ]
    assert said(pxe_interface="2") == ["pxe_interface is 2, and it has 2 NICs, counted from 0"]


def test_another_protocol_is_told():
    assert "netboot starts machines by pxe" in said(bootstrap_protocol="usb")[0]
