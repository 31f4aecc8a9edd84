import pytest

from drydockd.design.rules import impossible_network as rule
from drydockd.site import Interface
from tests.design.rules.helpers import (
    a_link,
    a_network,
    a_node,
    a_site,
    levels,
    node_document,
    the_only,
    verdicts,
)

LAN = a_network()
TAGGED = a_network("san", cidr="10.8.0.0/24", vlan_id="80")


def judged(*networks, link=None, slaves=("eno1",), used=("lan",), nodes=("n1",)):
    link = link or a_link("trunk", "lan", "san", trunk_mode="802.1q", native_network="lan")
    interfaces = (Interface("data0", "trunk", slaves, used),)
    shared = [a_node(name, interfaces=interfaces) for name in nodes]
    return verdicts(rule, a_site(*(networks or (LAN, TAGGED)), link, *shared))


def a_bond():
    return a_link("trunk", "lan", native_network="lan", bonding_mode="802.3ad")


def test_what_can_be_planned_passes():
    assert not judged(used=("lan", "san"))
    assert not judged(link=a_bond(), slaves=("eno1", "eno2"))


@pytest.mark.parametrize("slaves", [(), ("eno1", "eno2")])
def test_a_link_without_bonding_takes_one_slave(slaves):
    assert "slaves must be one device" in the_only(judged(slaves=slaves)).text


def test_a_bond_needs_slaves():
    found = the_only(judged(link=a_bond(), slaves=()))

    assert "slaves are none, but link trunk is a bond" in found.text


def test_a_network_without_vlan_that_is_not_the_default_one_is_an_error_on_every_node():
    plain = a_network("san", cidr="10.8.0.0/24")

    found = judged(LAN, plain, used=("lan", "san"), nodes=("n1", "n2"))

    assert levels(found) == ["Error", "Error"]
    assert "network san has no vlan" in found[0].text
    assert [v.documents for v in found] == [(node_document("n1"),), (node_document("n2"),)]


def test_one_vlan_id_twice_is_an_error_but_for_a_dual_stack():
    twin = a_network("lan", cidr="10.7.0.0/24", vlan_id="80")
    link = a_link("trunk", "lan", "san", trunk_mode="802.1q")
    six = a_network("lan", cidr="2001:db8::/64", vlan_id="80")

    assert "same vlan 80" in the_only(judged(twin, TAGGED, link=link, used=("lan", "san"))).text
    assert not judged(six, TAGGED, link=link, used=("lan", "san"))


def test_a_link_that_is_not_defined_is_an_error_also_without_networks():
    site = a_site(a_node("n1", interfaces=(Interface("data0", "nowhere", ("eno1",)),)))

    assert "device_link nowhere is not defined" in the_only(verdicts(rule, site)).text


def test_links_labelled_noconfig_and_interfaces_without_link_are_not_judged():
    labelled = a_link("trunk", "lan", metalabels={"noconfig": None})

    assert not judged(link=labelled, slaves=())
    assert not verdicts(rule, a_site(a_node(interfaces=(Interface("data0"),))))
