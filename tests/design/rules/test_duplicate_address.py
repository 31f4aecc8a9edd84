from drydockd.design.rules import duplicate_address as rule
from tests.design.rules.helpers import (
    a_bare_site,
    a_node,
    a_site,
    dhcp,
    levels,
    node_document,
    static,
    the_only,
    verdicts,
)


def test_nodes_with_their_own_addresses_pass():
    assert not verdicts(rule, a_site(a_node("n1"), a_node("n2")))


def test_a_design_without_nodes_gets_a_warning():
    found = verdicts(rule, a_bare_site())

    assert levels(found) == ["Warning"]
    assert found[0].documents == ()


def test_an_address_of_another_node_is_named_with_both_nodes():
    first = a_node("n1", addressing=(static("lan", "10.9.0.1"),))
    second = a_node("n2", addressing=(static("san", "10.9.0.1"),))

    found = the_only(verdicts(rule, a_site(first, second)))

    assert found.level == "Error"
    assert "10.9.0.1" in found.text
    assert found.documents == (node_document("n2"), node_document("n1"))


def test_one_node_using_an_address_twice_is_an_error():
    node = a_node("n1", addressing=(static("lan", "10.9.0.1"), static("san", "10.9.0.1")))

    found = the_only(verdicts(rule, a_site(node)))

    assert found.documents == (node_document("n1"), node_document("n1"))


def test_each_further_use_is_an_error_that_names_the_first():
    nodes = [a_node(f"n{i}", addressing=(static("lan", "10.9.0.1"),)) for i in (1, 2, 3)]

    found = verdicts(rule, a_site(*nodes))

    assert [[d.name for d in v.documents] for v in found] == [["n2", "n1"], ["n3", "n1"]]


def test_two_spellings_of_one_ipv6_address_are_one_address():  # V-11
    first = a_node("n1", addressing=(static("lan", "2001:db8::1"),))
    second = a_node("n2", addressing=(static("lan", "2001:0DB8:0:0::0001"),))

    assert len(verdicts(rule, a_site(first, second))) == 1


def test_dhcp_and_what_is_no_address_is_nobodys():
    nodes = [
        a_node(f"n{i}", addressing=(dhcp("lan"), static("lan", "DHCP"), static("lan", "x:y")))
        for i in (1, 2)
    ]

    assert not verdicts(rule, a_site(*nodes))
