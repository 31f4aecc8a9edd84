import pytest

from drydockd.design.rules import duplicate_identity as rule
from tests.design.rules.helpers import (
    a_network,
    a_node,
    a_site,
    node_document,
    static,
    the_only,
    verdicts,
)


def test_nodes_of_their_own_pass():
    nodes = (a_node("n1", boot_mac="52:54:00:aa:bb:01"), a_node("n2", boot_mac=None), a_node("n3"))

    assert not verdicts(rule, a_site(*nodes))


@pytest.mark.parametrize("spelt", ["52:54:00:AA:BB:01", "52-54-00-aa-bb-01", "5254.00aa.bb01"])
def test_one_mac_on_two_nodes_is_an_error_in_any_notation(spelt):
    nodes = (a_node("n1", boot_mac="52:54:00:aa:bb:01"), a_node("n2", boot_mac=spelt))

    found = the_only(verdicts(rule, a_site(*nodes)))

    assert found.level == "Error"
    assert found.documents == (node_document("n2"), node_document("n1"))


@pytest.mark.parametrize("mac", ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"])
def test_placeholders_are_no_macs(mac):
    assert not verdicts(rule, a_site(a_node("n1", boot_mac=mac), a_node("n2", boot_mac=mac)))


def test_names_that_differ_in_case_only_are_an_error():
    found = the_only(verdicts(rule, a_site(a_node("web1"), a_node("Web1"))))

    assert "differ in case only" in found.text


def test_one_fully_qualified_name_twice_is_an_error():
    networks = (
        a_network("lan", dns_domain="b.c"),
        a_network("other", cidr="10.8.0.0/24", dns_domain="c"),
    )
    other = a_node("a.b", primary_network="other", addressing=(static("other", "10.8.0.5"),))

    found = the_only(verdicts(rule, a_site(*networks, a_node("a"), other)))

    assert "a.b.c" in found.text
