"""What a machine's network is to be in MAAS, and what is wrong with it before the first write."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.maas.networkplan import Link, check_host_name, wanted_ports
from drydockd.errors import DriverConflict, DriverUnsupported
from drydockd.plans import AddressPlan, DeviceName, NetworkAddress
from tests.drivers.node.maas.plans import (
    ENO1,
    a_bond,
    a_network,
    a_single,
    a_vlan,
    commissioned,
    lay,
    static,
    subnet_id,
    vlan_id,
    wiring_of,
)
from tests.peers.maas import Simulator, documents
from tests.peers.maas.site import furnished


@pytest.fixture
def region():
    return lay(furnished(Simulator()))


def ports(region, plan, node="n1"):
    machine, _ = commissioned(region, node)
    nics = documents.machine(region, machine)["interface_set"]
    return wanted_ports(node, plan, nics, wiring_of(region))


def test_a_bond_stands_on_its_members_and_vlans_on_the_bond(region):
    found = ports(region, a_network())
    assert [(port.kind, port.name) for port in found] == [
        ("physical", "eno1"),
        ("physical", "eno2"),
        ("bond", "bond0"),
        ("vlan", "bond0.200"),
    ]
    bond, vlan = found[2:]
    assert bond.parents == ("eno1", "eno2")
    assert bond.vlan == vlan_id(region, "trunk", 0)
    assert bond.bond["bond_lacp_rate"] == "fast"
    assert bond.links == (Link("static", subnet_id(region, "oam"), "10.1.0.7", True),)
    assert vlan.links == (Link("static", subnet_id(region, "storage"), "10.2.0.7"),)
    assert found[0].links is None


def test_what_the_design_leaves_open_of_a_bond_is_left_to_maas(region):
    plan = a_bond(bond=replace(a_bond().bond, xmit_hash=None, peer_rate=None, mode="active-backup"))
    bond = ports(region, a_network(plan))[2]
    assert set(bond.bond) == {"bond_mode", "bond_miimon", "bond_downdelay", "bond_updelay"}


def test_a_vlan_of_two_families_has_both_addresses(region):
    beside = (NetworkAddress("storage6", static("fd00:2::7/64")),)
    found = ports(region, a_network(a_bond(vlans=(a_vlan(beside=beside),))))
    assert [link.address for link in found[3].links] == ["10.2.0.7", "fd00:2::7"]


def test_an_interface_is_up_by_itself_beside_an_address(region):
    beside = (NetworkAddress("storage6", AddressPlan("none")),)
    found = ports(region, a_network(a_bond(vlans=(a_vlan(beside=beside),))))
    assert [link.mode for link in found[3].links] == ["static"]


def test_a_network_of_vlan_0_is_on_the_interface_itself(region):
    vlan = a_vlan(network="pxe", vlan_id=0, parent="pxe0", mtu=1500, address=static("10.9.0.7/24"))
    found = ports(region, a_network(a_single(native_network=None, vlans=(vlan,)), gateways=()))
    assert [(port.kind, port.links[0].address) for port in found] == [("physical", "10.9.0.7")]


def test_a_nic_is_found_by_its_address_whatever_its_name_is(region):
    machine, _ = commissioned(region)
    nics = documents.machine(region, machine)["interface_set"]
    device = DeviceName("enp1s0", mac=nics[1]["mac_address"].upper())
    plan = a_network(a_single(devices=(device,)), gateways=())
    assert wanted_ports("n1", plan, nics, wiring_of(region))[0].name == "eno2"


def test_a_name_that_leads_to_no_interface_is_told_with_alias_address_and_devices(region):
    device = DeviceName("nic_oam", mac="52:54:00:ff:ff:ff", bus_address="0000:19:00.0")
    with pytest.raises(DriverConflict) as told:
        ports(region, a_network(a_single(devices=(device,)), gateways=()))
    message = str(told.value)
    for word in ("node n1", "pxe0", "nic_oam", "0000:19:00.0", "52:54:00:ff:ff:ff", "eno1", "eno2"):
        assert word in message


def test_two_aliases_of_one_device_are_told(region):
    with pytest.raises(DriverConflict, match=r"eno1 .* wanted twice, by bond0 and pxe0"):
        ports(region, a_network(a_bond(), a_single()))
    with pytest.raises(DriverConflict, match=r"wanted twice, by bond0 and bond0"):
        ports(region, a_network(a_bond(devices=(ENO1, ENO1))))


def test_row_9_a_subnet_on_another_vlan_is_told_with_subnet_vlan_and_fabric(region):
    region.subnets[subnet_id(region, "storage")]["vlan"] = vlan_id(region, "pxe", 0)
    with pytest.raises(DriverConflict) as told:
        ports(region, a_network())
    assert "subnet 10.2.0.0/24 (network storage) is on VLAN 0 of fabric pxe" in str(told.value)
    assert "has to be on VLAN 200 of fabric trunk" in str(told.value)


def test_row_9_a_native_subnet_in_another_fabric_is_told(region):
    region.subnets[subnet_id(region, "oam")]["vlan"] = vlan_id(region, "pxe", 0)
    with pytest.raises(DriverConflict, match=r"network oam.*fabric pxe.*has to be on fabric trunk"):
        ports(region, a_network())


def test_a_native_subnet_on_a_vlan_that_is_wanted_tagged_is_told(region):
    region.subnets[subnet_id(region, "oam")]["vlan"] = vlan_id(region, "trunk", 200)
    with pytest.raises(DriverConflict, match="native on link trunk, is on VLAN 200"):
        ports(region, a_network())


def test_a_native_subnet_on_a_tagged_vlan_is_what_the_switch_gives_untagged(region):
    region.subnets[subnet_id(region, "oam")]["vlan"] = vlan_id(region, "trunk", 200)
    bond = ports(region, a_network(a_bond(vlans=())))[2]
    assert bond.vlan == vlan_id(region, "trunk", 200)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"link": "nosuch"}, "no fabric nosuch"),
        ({"vlans": (a_vlan(vlan_id=300),)}, "fabric trunk of MAAS has no VLAN 300"),
        ({"address": static("10.77.0.7/24")}, r"no subnet for 10\.77\.0\.7/24 of network oam"),
        ({"address": AddressPlan("dhcp"), "native_network": "nosuch"}, "no subnet nosuch"),
    ],
)
def test_what_prepare_site_did_not_make_is_told(region, change, words):
    with pytest.raises(DriverConflict, match=f"interface bond0: .*{words}.*run prepare_site"):
        ports(region, a_network(a_bond(**change)))


def test_a_gateway_that_maas_has_otherwise_is_told(region):
    with pytest.raises(DriverConflict, match=r"gateway 10\.1\.0\.1 in MAAS, and 10\.1\.0\.254"):
        ports(region, a_network(gateways=("10.1.0.254",)))


def test_a_way_out_of_a_network_with_dhcp_is_left_to_dhcp(region):
    found = ports(region, a_network(a_single(), gateways=("10.9.0.1",)))
    assert found[0].links == (Link("dhcp", subnet_id(region, "pxe")),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mtu": 500}, "mtu 500; MAAS has 552 at least"),
        ({"vlans": (a_vlan(mtu=300),)}, "network storage: mtu 300"),
        ({"mtu": 1500}, "network storage has mtu 9000, but link trunk below it only 1500"),
        ({"name": "a-bond-of-storage"}, "15 characters at most"),
        ({"name": "bond 0"}, "no blanks"),
    ],
)
def test_what_maas_or_linux_cannot_have_is_told(region, change, words):
    with pytest.raises(DriverUnsupported, match=words):
        ports(region, a_network(a_bond(**change)))


def test_row_19_a_host_name_with_an_underscore_is_told():
    with pytest.raises(DriverUnsupported, match=r"node bad_name: .*underscore"):
        check_host_name("bad_name")
    check_host_name("good-name")
