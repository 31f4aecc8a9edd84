"""Rack documents."""

import pytest

from drydockd.site import Rack, TorSwitch
from tests.design.helpers import document, only_finding, site_of


def rack(**data):
    return document("Rack", "r1", data)


def test_a_whole_rack_is_taken_in():
    site = site_of(
        rack(
            tor_switches={
                "s1": {"mgmt_ip": "10.0.0.1", "sdn_api_uri": "polo+https://h/x", "more": 1},
                "mgmt_ip": {"mgmt_ip": "fd00::1"},
            },
            location={"clli": "HSTNTXMOCG0", "grid": "EG12", "floor": 3},
            local_networks=["nowhere"],
            labels={"row": 4, "ssd": True, "x": "y"},
        )
    )
    assert site.racks["r1"] == Rack(
        "r1",
        (TorSwitch("s1", "10.0.0.1", "polo+https://h/x"), TorSwitch("mgmt_ip", "fd00::1")),
        {"clli": "HSTNTXMOCG0", "grid": "EG12", "floor": 3},
        ("nowhere",),
        {"row": "4", "ssd": "true", "x": "y"},
    )


def test_everything_is_optional():
    assert site_of(rack()).racks["r1"] == Rack("r1")


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"switches": {}}, "unknown key switches"),
        ({"tor_switches": {"s": "10.0.0.1"}}, "tor_switches.s: a mapping is required"),
        ({"tor_switches": {"s": {"mgmt_ip": "x"}}}, "tor_switches.s.mgmt_ip"),
        ({"tor_switches": {"s": {"sdn_api_uri": "x"}}}, "tor_switches.s.sdn_api_uri"),
        ({"location": {"clli": 5}}, "location.clli"),
        ({"location": {"floor": []}}, "location.floor"),
        ({"location": {"floor": None}}, "location.floor"),
        ({"location": []}, "location: a mapping is required"),
        ({"local_networks": "lan"}, "local_networks"),
        ({"labels": {"row": None}}, "labels.row"),
    ],
)
def test_a_violation_is_told_with_its_path(data, where):
    assert where in only_finding(rack(**data)).message
