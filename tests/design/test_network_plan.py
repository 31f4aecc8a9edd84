import pytest

from drydockd.design.inventory import Hardware, parse_lshw
from drydockd.design.network_plan import network_plan
from drydockd.errors import InvalidDesign
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    DeviceName,
    NetworkAddress,
    NetworkPlan,
    RoutePlan,
)
from drydockd.site import Interface
from tests.design.lshw import LSHW
from tests.design.rules.helpers import a_link, a_network, a_node, a_route, a_site, dhcp, static

HARDWARE = Hardware({"nic1": "eno1", "nic2": "eno2"}, parse_lshw(LSHW))
ENO1 = DeviceName("eno1", mac="52:54:00:aa:00:01", bus_address="0000:19:00.0")
ENO2 = DeviceName("eno2", mac="52:54:00:aa:00:02", bus_address="0000:19:00.1")

LAN = a_network(
    "lan",
    dns_domain="example.com",
    dns_servers="10.9.0.2, 10.9.0.3\n10.9.0.4",
    routes=(a_route(), a_route("10.0.0.0/8", "10.9.0.9", metric=7)),
)
SAN = a_network(
    "san",
    cidr="10.8.0.0/16",
    vlan_id="80",
    mtu=9000,
    routes=(a_route(gateway="10.8.0.1"), a_route("10.7.0.0/16", "10.8.0.7")),
)
TRUNK = a_link("trunk", "lan", "san", trunk_mode="802.1q", native_network="lan", mtu=9100)
BOND = a_link(
    "trunk",
    "lan",
    "san",
    trunk_mode="802.1q",
    native_network="lan",
    bonding_mode="802.3ad",
    bonding_xmit_hash="layer3+4",
    bonding_peer_rate="fast",
    bonding_mon_rate=100,
    bonding_up_delay=200,
    bonding_down_delay=300,
)
ADDRESSING = (static("lan", "10.9.0.11"), static("san", "10.8.0.11"))


def plan(*interfaces, link=TRUNK, addressing=ADDRESSING, networks=(LAN, SAN), **fields):
    node = a_node("n1", interfaces=interfaces, addressing=addressing, **fields)
    return network_plan(a_site(*networks, link, node), node, HARDWARE)


def nic(*networks, link="trunk", slaves=("nic1",), **fields):
    return Interface("data0", link, slaves, networks, **fields)


def the_interface(**fields):
    networks = fields.pop("uses", ("lan", "san"))
    (interface,) = plan(nic(*networks), **fields).interfaces
    return interface


def test_a_single_nic_is_named_as_designed_and_found_by_its_mac():
    interface = the_interface()

    assert interface.name == "data0"
    assert interface.link == "trunk"
    assert interface.devices == (ENO1,)
    assert interface.bond is None
    assert interface.mtu == 9100


def test_the_default_network_goes_on_the_interface_and_others_on_vlans():
    interface = the_interface()

    assert interface.native_network == "lan"
    assert interface.address == AddressPlan("static", "10.9.0.11/24")
    (vlan,) = interface.vlans
    assert (vlan.network, vlan.vlan_id, vlan.parent, vlan.mtu) == ("san", 80, "data0", 9000)
    assert vlan.address == AddressPlan("static", "10.8.0.11/16")


def test_without_its_default_network_an_interface_has_no_address():
    interface = the_interface(uses=("san",))

    assert interface.native_network is None
    assert interface.address == AddressPlan("none")
    assert [vlan.network for vlan in interface.vlans] == ["san"]


def test_a_bond_takes_every_option_of_its_link():
    (interface,) = plan(nic("lan", slaves=("nic1", "nic2")), link=BOND).interfaces

    assert interface.devices == (ENO1, ENO2)
    assert interface.bond == BondPlan("802.3ad", "layer3+4", "fast", 100, 200, 300)


def test_a_bond_of_one_device_is_a_bond():
    (interface,) = plan(nic("lan"), link=BOND).interfaces

    assert interface.bond is not None


@pytest.mark.parametrize(
    ("addressing", "expected"),
    [
        ((dhcp("lan"),), AddressPlan("dhcp")),
        ((), AddressPlan("none")),
        ((dhcp("lan"), static("lan", "10.9.0.5")), AddressPlan("dhcp")),
    ],
)
def test_dhcp_and_no_address_and_the_first_entry_counts(addressing, expected):
    assert the_interface(addressing=addressing).address == expected


def test_only_the_primary_network_gives_the_default_route():
    interface = the_interface()

    assert interface.routes == (
        RoutePlan("0.0.0.0/0", "10.9.0.1", 100),
        RoutePlan("10.0.0.0/8", "10.9.0.9", 7),
    )
    assert interface.vlans[0].routes == (RoutePlan("10.7.0.0/16", "10.8.0.7", 100),)


def test_the_placeholder_of_a_route_domain_is_no_route():
    routes = (a_route(None, None, routedomain="st"), a_route("10.1.0.0/24", "10.9.0.1", metric=0))
    networks = (a_network("lan", routes=routes), SAN)

    assert the_interface(networks=networks).routes == (RoutePlan("10.1.0.0/24", "10.9.0.1", 0),)


def test_names_and_gateway_are_those_of_the_primary_network():
    found = plan(nic("lan"))

    assert found.default_gateways == ("10.9.0.1",)
    assert found.dns_servers == ("10.9.0.2", "10.9.0.3", "10.9.0.4")
    assert found.search_domain == "example.com"


def test_without_a_primary_network_there_is_no_gateway():
    found = plan(primary_network=None)

    assert found == NetworkPlan((), (), (), "local")


LAN6 = a_network(
    "lan6",
    cidr="2001:db8:9::/64",
    vlan_id="80",
    dns_servers="2001:db8:9::53;10.9.0.2",
    routes=(a_route("::/0", "2001:db8:9::1", metric=10),),
)
DUAL = a_link("trunk", "san", "lan6", "other", trunk_mode="802.1q", native_network=None)
DUAL_ADDRESSING = (static("san", "10.8.0.11"), static("lan6", "2001:db8:9::11"))


def dual(*used, networks=(SAN, LAN6), primary="san"):
    return plan(
        nic(*used),
        link=DUAL,
        networks=networks,
        addressing=DUAL_ADDRESSING,
        primary_network=primary,
    )


def test_networks_of_both_families_on_one_vlan_id_are_one_vlan_with_both_addresses():
    (vlan,) = dual("san", "lan6").interfaces[0].vlans

    assert (vlan.vlan_id, vlan.network, vlan.mtu) == (80, "san", 9000)
    assert vlan.address == AddressPlan("static", "10.8.0.11/16")
    assert vlan.beside == (NetworkAddress("lan6", AddressPlan("static", "2001:db8:9::11/64")),)
    assert RoutePlan("0.0.0.0/0", "10.8.0.1", 100) in vlan.routes
    assert RoutePlan("::/0", "2001:db8:9::1", 10) in vlan.routes


@pytest.mark.parametrize("primary", ["san", "lan6"])
def test_there_is_a_default_route_and_name_servers_for_each_family(primary):
    found = dual("san", "lan6", primary=primary)

    assert set(found.default_gateways) == {"10.8.0.1", "2001:db8:9::1"}
    assert len(found.default_gateways) == 2
    assert {"2001:db8:9::53", "10.9.0.2"} <= set(found.dns_servers)


def test_a_second_default_route_of_one_family_is_left_to_the_primary_network():
    other = a_network(
        "other", cidr="2001:db8:8::/64", vlan_id="81", routes=(a_route("::/0", "2001:db8:8::1"),)
    )
    found = dual("other", "san", "lan6", networks=(SAN, LAN6, other))

    assert found.default_gateways == ("10.8.0.1", "2001:db8:9::1")
    assert [v.routes for v in found.interfaces[0].vlans if v.network == "other"] == [()]


def test_two_networks_of_one_family_on_one_vlan_id_are_refused():
    twin = a_network("other", cidr="10.7.0.0/16", vlan_id="80")

    with pytest.raises(InvalidDesign, match="networks san and other have the same vlan 80"):
        dual("san", "other", networks=(SAN, twin))


def test_links_labelled_noconfig_and_interfaces_without_link_are_left_alone():
    link = a_link("trunk", "lan", metalabels={"noconfig": None})

    assert plan(nic("lan", slaves=()), link=link).interfaces == ()
    assert plan(nic(link=None)).interfaces == ()


def test_sriov_is_passed_on():
    (interface,) = plan(nic("lan", sriov=True, vf_count=8, trustedmode=True)).interfaces

    assert (interface.sriov, interface.vf_count, interface.trustedmode) == (True, 8, True)


@pytest.mark.parametrize(
    ("interface", "link", "message"),
    [
        (nic("lan", link=None), TRUNK, "has networks but no device_link"),
        (nic("lan", link="nowhere"), TRUNK, "device_link nowhere is not defined"),
        (nic("lan", slaves=()), TRUNK, "slaves must be one device .* but are none"),
        (nic("lan", slaves=("nic1", "nic2")), TRUNK, "slaves must be one device .* nic1, nic2"),
        (nic("lan", slaves=()), BOND, "slaves are none, but link trunk is a bond"),
        (nic("nowhere"), TRUNK, "network nowhere is not defined"),
        (nic("san"), a_link("trunk", "lan"), "network san is not allowed on link trunk"),
        (nic("lan"), a_link("trunk", "lan"), "network lan has no vlan"),
    ],
)
def test_a_contradiction_names_node_interface_and_value(interface, link, message):
    with pytest.raises(InvalidDesign, match=f"node n1: interface data0: {message}"):
        plan(interface, link=link)


@pytest.mark.parametrize("address", ["10.7.0.1", "2001:db8::1", "nonsense", ""])
def test_an_address_that_is_not_on_its_network_is_refused(address):
    with pytest.raises(InvalidDesign, match=f"'{address}' is no address of network lan"):
        plan(nic("lan"), addressing=(static("lan", address),))


def test_a_route_without_gateway_is_refused():
    networks = (a_network("lan", routes=(a_route("10.1.0.0/24", None),)), SAN)

    with pytest.raises(InvalidDesign, match=r"route to 10.1.0.0/24: gateway is missing"):
        plan(nic("lan"), networks=networks)
