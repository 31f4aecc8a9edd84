"""What MAAS has of a site."""

import pytest

from drydockd.drivers.node.maas import sitestate
from drydockd.drivers.node.maas.sitestate import Range, plain_cidr
from tests.peers.maas.machines import add_rack
from tests.peers.maas.site import add_subnet, add_vlan


async def test_everything_is_read_in_one_go(maas, client):
    vlan = add_vlan(maas, 0, 100, "v100", 9000)
    subnet = add_subnet(maas, "10.0.0.0/24", vlan, "oam", "10.0.0.1")
    entry = {"type": "dynamic", "start_ip": "10.0.0.5", "end_ip": "10.0.0.9", "comment": "x"}
    maas.ranges[1] = {**entry, "subnet": subnet}
    route = {"source": subnet, "destination": subnet, "gateway_ip": "10.0.0.1", "metric": 7}
    maas.static_routes[2] = route
    add_rack(maas, "rack1", "52:54:ff:00:00:01", vlan, "10.0.0.2")
    state = await sitestate.read(client, with_racks=True)
    assert state.fabric_named("fabric-0") == 0
    assert state.vlan_at(0, 100).mtu == 9000
    assert state.vlan_at(0, 101) is None
    assert state.subnets["10.0.0.0/24"].gateway == "10.0.0.1"
    assert [str(one) for one in state.ranges] == ["dynamic 10.0.0.5 to 10.0.0.9"]
    assert [one.metric for one in state.routes] == [7]
    assert state.domains == {"maas"}
    assert [(rack.sid, rack.is_healthy, rack.places) for rack in state.racks] == [
        ("rack01", True, {vlan: ("10.0.0.2",)})
    ]
    assert maas.counted() == 6


async def test_rack_controllers_are_read_only_where_they_are_needed(maas, client):
    assert (await sitestate.read(client, with_racks=False)).racks == []
    assert maas.counted("GET", "rackcontrollers/") == 0


async def test_a_relay_is_known_by_its_vlan(maas, client):
    first = next(iter(maas.vlans))
    second = add_vlan(maas, 0, 100, "v100")
    maas.vlans[second]["relay_vlan"] = first
    state = await sitestate.read(client, with_racks=False)
    assert state.vlans[second].relay_vlan == first


def test_ranges_overlap_where_they_share_an_address():
    one = Range(1, "reserved", "10.0.0.5", "10.0.0.9", "10.0.0.0/24")
    assert one.overlaps("10.0.0.9", "10.0.0.20")
    assert not one.overlaps("10.0.0.10", "10.0.0.20")
    assert not one.overlaps("::1", "::2")


def test_a_cidr_has_no_host_bits():
    assert plain_cidr(" 10.0.0.5/24") == "10.0.0.0/24"
    with pytest.raises(ValueError, match="10"):
        plain_cidr("10.0.0.0/99")
