"""The network of a plan as a configdrive says it; a real Ironic judges the form."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.ironic.networkdata import network_data
from drydockd.errors import DriverUnsupported
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    DeviceName,
    InterfacePlan,
    NetworkAddress,
    NetworkPlan,
    RoutePlan,
    VlanPlan,
)
from tests.drivers.node.ironic.sites import network_plan

MACS = ("52:54:00:00:00:0a", "52:54:00:00:00:0b")
NICS = (DeviceName("eno3", mac=MACS[0]), DeviceName("eno4", mac=MACS[1]))
STATIC = AddressPlan("static", "10.2.0.7/24")
VLAN = VlanPlan(
    "stor", 102, "bond0", 9000, STATIC,
    (RoutePlan("10.20.0.0/16", "10.2.0.1", 50), RoutePlan("fd20::/32", "fd00:2::1", 100)),
    (NetworkAddress("stor6", AddressPlan("static", "fd00:2::7/64")),),
)  # fmt: skip
BOND = InterfacePlan(
    "bond0", "gp", NICS, BondPlan("802.3ad", "layer3+4", "fast", 100, 1000, 3000), 9100, None,
    AddressPlan("none"), vlans=(VLAN,),
)  # fmt: skip
PLAN = NetworkPlan((*network_plan("52:54:00:00:00:01").interfaces, BOND), (), ("10.1.0.53",), "lab")


def test_a_single_nic_is_found_by_its_mac_and_has_the_default_route():
    found = network_data(network_plan("52:54:00:00:00:01"), "n1")
    assert found == {
        "links": [
            {
                "id": "eno1",
                "name": "eno1",
                "type": "phy",
                "ethernet_mac_address": "52:54:00:00:00:01",
                "mtu": 1500,
            }
        ],
        "networks": [
            {
                "id": "network0",
                "link": "eno1",
                "network_id": "pxe",
                "type": "ipv4",
                "ip_address": "10.1.0.7",
                "netmask": "255.255.255.0",
                "routes": [
                    {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.1.0.1"},
                ],
            }
        ],
        "services": [{"type": "dns", "address": "10.1.0.53"}],
    }


def test_a_bond_carries_vlans_of_both_families():
    found = network_data(PLAN, "n1")
    links = {link["id"]: link for link in found["links"]}
    assert list(links) == ["eno1", "eno3", "eno4", "bond0", "bond0.102"]
    bond = links["bond0"]
    assert bond["bond_links"] == ["eno3", "eno4"]
    assert bond["ethernet_mac_address"] == MACS[0]
    wanted = {
        "bond_mode": "802.3ad", "bond_xmit_hash_policy": "layer3+4", "bond_lacp_rate": "fast",
        "bond_miimon": 100, "bond_updelay": 1000, "bond_downdelay": 3000, "mtu": 9100,
    }  # fmt: skip
    assert {key: bond[key] for key in wanted} == wanted
    vlan = links["bond0.102"]
    assert (vlan["vlan_id"], vlan["vlan_link"], vlan["mtu"]) == (102, "bond0", 9000)
    four, six = (network for network in found["networks"] if network["link"] == "bond0.102")
    assert four["routes"] == [
        {"network": "10.20.0.0", "netmask": "255.255.0.0", "gateway": "10.2.0.1", "metric": 50}
    ]
    assert (six["type"], six["ip_address"], six["netmask"]) == (
        "ipv6", "fd00:2::7", "ffff:ffff:ffff:ffff::",
    )  # fmt: skip
    assert [route["network"] for route in six["routes"]] == ["fd20::"]


def test_dhcp_is_asked_for_and_no_address_is_none():
    [interface] = network_plan(MACS[0]).interfaces
    dhcp = replace(interface, address=AddressPlan("dhcp"), routes=())
    found = network_data(NetworkPlan((dhcp,), (), (), "lab"), "n1")
    assert [network["type"] for network in found["networks"]] == ["ipv4_dhcp"]
    silent = replace(interface, address=AddressPlan("none"))
    assert network_data(NetworkPlan((silent,), (), (), "lab"), "n1")["networks"] == []


@pytest.mark.parametrize(
    ("interface", "text"),
    [
        (replace(BOND, sriov=True), r"n1: interfaces\.bond0\.sriov"),
        (replace(BOND, bond=replace(BOND.bond, mode="balance-tlb")), "bonding mode balance-tlb"),
        (replace(BOND, devices=(DeviceName("eno9"),)), "no NIC eno9 with a MAC address"),
    ],
)
def test_what_no_configdrive_carries_is_refused_by_its_field(interface, text):
    with pytest.raises(DriverUnsupported, match=text):
        network_data(NetworkPlan((interface,), (), (), "lab"), "n1")


@pytest.mark.slow
def test_a_real_ironic_takes_it_for_network_data(ironic):
    node = ironic.enrol("netdata-1")
    ironic.change(node["uuid"], network_data=network_data(PLAN, "n1"))
    assert len(ironic.node(node["uuid"])["network_data"]["links"]) == 5
