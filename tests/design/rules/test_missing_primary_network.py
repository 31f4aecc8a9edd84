from drydockd.design.rules import missing_primary_network as rule
from tests.design.rules.helpers import (
    a_link,
    a_network,
    a_node,
    a_site,
    dhcp,
    node_document,
    static,
    the_only,
    verdicts,
)


def test_a_primary_network_with_an_address_passes():
    assert not verdicts(rule, a_site(a_node(), a_node("n2", addressing=(dhcp("lan"),))))


def test_no_primary_network_at_all_passes():
    assert not verdicts(rule, a_site(a_node(primary_network=None)))


def test_an_undefined_one_is_an_error_with_the_networks_the_node_has():
    found = the_only(verdicts(rule, a_site(a_node("n1", primary_network="lna"))))

    assert found.level == "Error"
    assert "primary_network lna of node n1 is not defined" in found.text
    assert "Did you mean lan?" in found.hint
    assert found.documents == (node_document("n1"),)


def test_one_without_an_address_of_the_node_is_an_error():
    site = a_site(
        a_network(), a_network("san", cidr="10.8.0.0/24"), a_node("n1", primary_network="san")
    )

    found = the_only(verdicts(rule, site))

    assert (found.level, "no address on its primary_network san" in found.text) == ("Error", True)


def test_the_name_of_a_link_is_a_warning():
    """Two published sites do so and deploy: nothing of theirs asks for the primary address."""
    node = a_node(primary_network="trunk", addressing=(static("lan", "10.9.0.11"),))
    site = a_site(a_link("trunk", "lan", native_network="lan"), node)

    found = the_only(verdicts(rule, site))

    assert (found.level, "is a network link" in found.text) == ("Warning", True)
