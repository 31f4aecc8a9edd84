from drydockd.design.rules import missing_dhcp_range as rule
from drydockd.site import AddressRange, Interface
from tests.design.rules.helpers import (
    a_link,
    a_network,
    a_node,
    a_site,
    dhcp,
    document,
    static,
    the_only,
    verdicts,
)

LEASED = (AddressRange("dhcp", "10.9.0.100", "10.9.0.199"),)


def test_a_network_with_a_dhcp_range_passes():
    assert not verdicts(rule, a_site(a_network(ranges=LEASED), a_node(addressing=(dhcp("lan"),))))


def test_a_network_where_nobody_asks_needs_no_range():
    assert not verdicts(rule, a_site(a_node(addressing=(static("lan", "10.9.0.11"),))))


def test_a_network_where_a_node_asks_for_its_address_needs_a_range():
    found = the_only(verdicts(rule, a_site(a_node("n1", addressing=(dhcp("lan"),)))))

    assert (found.level, "node n1" in found.text) == ("Warning", True)
    assert found.documents == (document("Network", "lan"),)


def test_a_network_that_is_called_pxe_needs_a_range_when_nodes_use_it():
    pxe, link = a_network("rack1-pxe"), a_link("trunk", "rack1-pxe", native_network="rack1-pxe")
    node = a_node(
        interfaces=(Interface("eno1", "trunk", ("eno1",), ("rack1-pxe",)),),
        addressing=(static("rack1-pxe", "10.9.0.11"),),
    )

    assert "machines boot there" in the_only(verdicts(rule, a_site(pxe, link, node))).text


def test_relayed_networks_and_what_they_are_relayed_to_need_ranges():
    relayed = a_network("far", cidr="10.8.0.0/24", dhcp_relay_upstream_target="10.9.0.5")
    found = verdicts(rule, a_site(a_network(), relayed, a_node(addressing=())))

    texts = {v.documents[0].name: v.text for v in found}
    assert set(texts) == {"far", "lan"}
    assert "relayed from it" in texts["far"]
    assert "network far relays" in texts["lan"]


def test_an_undefined_network_is_left_to_its_own_rule():
    assert not verdicts(rule, a_site(a_node(addressing=(dhcp("nowhere"),))))
