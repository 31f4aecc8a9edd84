import pytest

from drydockd.design.rules import address_outside_network as rule
from tests.design.rules.helpers import (
    a_bare_site,
    a_network,
    a_node,
    a_route,
    a_site,
    dhcp,
    document,
    levels,
    node_document,
    static,
    the_only,
    verdicts,
)


def addressed(*entries, **network):
    return a_site(a_network(**network), a_node("n1", addressing=entries))


def routed(*routes, **network):
    return a_site(a_network(routes=routes, **network))


def test_a_design_without_networks_and_nodes_gets_a_warning_for_each():
    found = verdicts(rule, a_bare_site())

    assert levels(found) == ["Warning", "Warning"]
    assert [v.documents for v in found] == [(), ()]


@pytest.mark.parametrize("address", ["10.9.0.5", "10.9.0.0", "10.9.0.255"])
def test_every_address_of_the_subnet_is_inside(address):
    assert not verdicts(rule, addressed(static("lan", address)))


def test_ipv6_addresses_are_compared_as_addresses():
    site = addressed(static("lan", "2001:DB8:0::5"), cidr="2001:db8::/64")

    assert not verdicts(rule, site)


@pytest.mark.parametrize("address", ["10.9.1.5", "10.8.255.255", "2001:db8::1"])
def test_an_address_outside_names_address_cidr_and_network(address):
    found = the_only(verdicts(rule, addressed(static("lan", address))))

    assert found.level == "Error"
    assert address in found.text
    assert "10.9.0.0/24" in found.text
    assert "network lan" in found.text
    assert found.documents == (node_document("n1"),)


def test_an_address_on_an_undefined_network_names_the_network():
    found = the_only(verdicts(rule, addressed(static("nowhere", "10.9.0.5"))))

    assert found.level == "Error"
    assert "nowhere" in found.text
    assert found.documents == (node_document("n1"),)


@pytest.mark.parametrize("address", ["DHCP", "10.9.0.5/24", "10.9.0", "10.9.0.05", "", "a\0b"])
def test_an_address_that_is_none_is_an_error_not_a_crash(address):  # V-10, D-28
    found = the_only(verdicts(rule, addressed(static("lan", address))))

    assert found.level == "Error"
    assert repr(address) in found.text


def test_dhcp_needs_no_address_but_a_defined_network():  # V-10
    assert not verdicts(rule, addressed(dhcp("lan")))

    found = the_only(verdicts(rule, addressed(dhcp("nowhere"))))

    assert found.level == "Warning"
    assert found.documents == (node_document("n1"),)


@pytest.mark.parametrize("gateway", [None, ""])
def test_a_route_needs_a_gateway(gateway):
    found = the_only(verdicts(rule, routed(a_route(gateway=gateway))))

    assert found.level == "Error"
    assert "0.0.0.0/0" in found.text
    assert found.documents == (document("Network", "lan"),)


def test_the_placeholder_of_a_route_domain_needs_a_gateway_too():
    site = routed(a_route(subnet=None, gateway=None, routedomain="storage"))

    assert "route domain storage" in the_only(verdicts(rule, site)).text


def test_a_gateway_that_is_no_address_is_an_error_not_a_crash():  # V-10
    found = the_only(verdicts(rule, routed(a_route(gateway="router"))))

    assert "'router'" in found.text
    assert found.documents == (document("Network", "lan"),)


def test_a_gateway_outside_names_gateway_cidr_and_network_only():  # V-10
    found = the_only(verdicts(rule, routed(a_route(), a_route("10.0.0.0/8", "10.7.0.1"))))

    assert found.text == "gateway 10.7.0.1 is outside 10.9.0.0/24 of network lan."


def test_rendered_routes_repeat_no_error():  # V-10
    written = a_route(None, "10.7.0.1", routedomain="storage")
    rendered = a_route("10.1.0.0/24", "10.7.0.1", rendered=True)

    assert len(verdicts(rule, routed(written, rendered))) == 1


def test_a_network_with_an_invalid_cidr_is_left_to_its_own_rule():  # V-10
    site = a_site(
        a_network(cidr="10.9.0.1/24", routes=(a_route(gateway="10.7.0.1"),)),
        a_node(addressing=(static("lan", "10.6.0.1"),)),
    )

    assert not verdicts(rule, site)
