import pytest

from drydockd.design.rules import network_not_allowed as rule
from drydockd.site import Interface
from tests.design.rules.helpers import (
    a_link,
    a_network,
    a_node,
    a_site,
    document,
    levels,
    node_document,
    the_only,
    verdicts,
)

NETWORKS = tuple(a_network(name) for name in ("lan", "san"))


def with_interface(*networks, link="trunk"):
    interface = Interface("bond0", link, ("eno1",), networks)
    return a_site(*NETWORKS, a_link("trunk", "lan"), a_node("n1", interfaces=(interface,)))


def test_allowed_networks_pass():
    assert not verdicts(rule, with_interface("lan"))


@pytest.mark.parametrize("link", [None, "nowhere", "trunk"])
def test_an_interface_without_networks_is_not_judged(link):
    assert not verdicts(rule, with_interface(link=link))


@pytest.mark.parametrize("link", [None, "nowhere"])
def test_a_missing_link_is_one_error_per_interface(link):  # V-15: one per network
    found = the_only(verdicts(rule, with_interface("lan", "san", link=link)))

    assert found.level == "Error"
    assert "interface bond0" in found.text
    assert (link or "no device_link") in found.text
    assert found.documents == (node_document("n1"),)


def test_each_network_its_link_does_not_allow_is_named():
    found = verdicts(rule, with_interface("lan", "san", "nowhere"))

    assert levels(found) == ["Error", "Error"]  # V-15: undefined everywhere passed
    assert "network san" in found[0].text
    assert "network nowhere" in found[1].text
    assert found[0].documents == (node_document("n1"),)


def test_a_network_on_two_links_is_one_error_with_both():
    site = a_site(*NETWORKS, a_link("a", "lan", "san"), a_link("b", "lan"), a_node(interfaces=()))

    found = the_only(verdicts(rule, site))

    assert found.level == "Error"
    assert "lan" in found.text
    assert found.documents == (document("NetworkLink", "a"), document("NetworkLink", "b"))  # V-15


def test_a_network_on_three_links_is_an_error_per_pair():
    links = [a_link(name, "lan") for name in "abc"]
    site = a_site(*NETWORKS, *links, a_node(interfaces=()))

    found = verdicts(rule, site)

    assert ["".join(d.name for d in v.documents) for v in found] == ["ab", "ac", "bc"]


def test_an_allowed_network_that_is_not_defined_is_a_warning():
    site = a_site(a_network("lan"), a_link("trunk", "lan", "nowhere"))

    found = the_only(verdicts(rule, site))

    assert found.level == "Warning"
    assert "nowhere" in found.text
    assert found.documents == (document("NetworkLink", "trunk"),)


def test_nodes_that_share_their_interfaces_are_each_reported():
    shared = (Interface("bond0", None, (), ("lan",)),)
    nodes = [a_node(name, interfaces=shared) for name in ("n1", "n2")]

    found = verdicts(rule, a_site(*nodes))

    assert [v.documents[0].name for v in found] == ["n1", "n2"]
    assert ["node n1:" in found[0].text, "node n2:" in found[1].text] == [True, True]
