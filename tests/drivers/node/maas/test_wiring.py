"""What MAAS knows of the site's networks, asked for by the design's names."""

import pytest

from drydockd.drivers.node.maas.wiring import Wiring
from drydockd.errors import DriverConflict


def a_vlan(number, vid, fabric="trunk"):
    return {"id": number, "vid": vid, "fabric": fabric, "mtu": 1500}


VLANS = [a_vlan(5001, 0), a_vlan(5002, 100)]
WIRING = Wiring(
    [{"name": "trunk", "vlans": VLANS}],
    [
        {"id": 1, "name": "oam", "cidr": "10.1.0.0/24", "vlan": VLANS[1], "gateway_ip": None},
        {"id": 2, "name": "six", "cidr": "fd00::/64", "vlan": VLANS[0], "gateway_ip": None},
    ],
)


def test_a_vlan_is_found_by_link_and_tag():
    assert WIRING.vlan("trunk", 100, "here")["id"] == 5002
    assert WIRING.vlan("trunk", 0, "here")["id"] == 5001


@pytest.mark.parametrize(
    ("link", "vid", "words"),
    [
        ("pxe", 0, r"here: MAAS has no fabric pxe .*\(it has trunk\); run prepare_site"),
        ("trunk", 7, r"here: fabric trunk of MAAS has no VLAN 7 \(it has 0, 100\)"),
    ],
)
def test_what_is_missing_is_told_with_what_there_is(link, vid, words):
    with pytest.raises(DriverConflict, match=words):
        WIRING.vlan(link, vid, "here")


def test_a_subnet_is_found_by_address_before_name():
    assert WIRING.subnet("other", "10.1.0.9/24")["id"] == 1
    assert WIRING.subnet("other", "fd00:0::9/64")["id"] == 2
    assert WIRING.subnet("six", None)["id"] == 2
    assert WIRING.subnet("oam", "10.7.0.9/24") is None


def test_a_subnet_elsewhere_is_told_with_both_places():
    assert WIRING.subnet_on("oam", None, "trunk", 100, "here")["id"] == 1
    with pytest.raises(DriverConflict, match=r"VLAN 100 of fabric trunk in MAAS.*VLAN 7 of fabric"):
        WIRING.subnet_on("oam", None, "trunk", 7, "here")
    with pytest.raises(DriverConflict, match="has to be on fabric pxe"):
        WIRING.subnet_on("oam", None, "pxe", None, "here")


def test_an_untagged_vlan_that_is_missing_is_called_so():
    wiring = Wiring([{"name": "trunk", "vlans": []}], [])
    with pytest.raises(DriverConflict, match=r"no untagged VLAN \(it has none\)"):
        wiring.vlan("trunk", 0, "here")
