import pytest

from drydockd.design.rules import unusable_address as rule
from drydockd.site import AddressRange
from tests.design.rules.helpers import (
    a_network,
    a_node,
    a_route,
    a_site,
    dhcp,
    node_document,
    static,
    the_only,
    verdicts,
)


def judged(address, cidr="10.9.0.0/24", gateway="10.9.0.1", ranges=()):
    network = a_network(cidr=cidr, routes=(a_route(gateway=gateway),), ranges=ranges)
    return verdicts(rule, a_site(network, a_node("n1", addressing=(static("lan", address),))))


LEASED = (AddressRange("dhcp", "10.9.0.100", "10.9.0.199"),)


def test_a_free_address_passes():
    assert not judged("10.9.0.11", ranges=LEASED)
    assert not verdicts(rule, a_site(a_node(addressing=(dhcp("lan"),))))


@pytest.mark.parametrize(
    ("address", "what"),
    [("10.9.0.1", "gateway"), ("10.9.0.0", "network address"), ("10.9.0.255", "broadcast")],
)
def test_the_address_of_the_gateway_or_the_network_is_an_error(address, what):
    found = the_only(judged(address))

    assert found.level == "Error"
    assert what in found.text
    assert node_document("n1") in found.documents


def test_another_spelling_of_the_gateway_is_the_gateway():
    found = the_only(judged("2001:DB8:0::1", "2001:db8::/64", "2001:db8::1"))

    assert "is a gateway" in found.text


@pytest.mark.parametrize("address", ["10.9.0.0", "10.9.0.1"])
def test_a_network_of_two_addresses_has_no_broadcast_address(address):
    assert not judged(address, "10.9.0.0/31", None)


def test_an_ipv6_network_has_no_broadcast_address():
    assert not judged("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64", None)


def test_an_address_that_dhcp_hands_out_is_a_warning():
    found = the_only(judged("10.9.0.150", ranges=LEASED))

    assert (found.level, "dhcp range" in found.text) == ("Warning", True)


def test_what_other_rules_report_is_left_to_them():
    assert not judged("10.8.0.1")
    assert not judged("x")
    assert not judged("10.9.0.1", cidr="x")
