import pytest

from drydockd.design.rules import invalid_interface_name as rule
from drydockd.site import Interface
from tests.design.rules.helpers import a_link, a_network, a_node, a_site, the_only, verdicts

LINK = a_link("trunk", "lan", trunk_mode="802.1q")
TAGGED = a_network("lan", vlan_id="80")


def judged(*names, network=None):
    interfaces = tuple(Interface(name, "trunk", ("eno1",), ("lan",)) for name in names)
    return verdicts(rule, a_site(network or a_network(), LINK, a_node(interfaces=interfaces)))


@pytest.mark.parametrize("name", ["eno1", "bond0", "a" * 15, "p7p1.31"])
def test_names_that_linux_takes_pass(name):
    assert not judged(name)


@pytest.mark.parametrize("name", ["a" * 16, "ä" * 8, "a/b", "a b", "a\tb", "a:b", "", ".", ".."])
def test_names_that_linux_does_not_take_are_errors(name):
    found = the_only(judged(name))

    assert (found.level, "interface name" in found.text) == ("Error", True)


def test_the_name_of_a_vlan_of_another_interface_is_taken():
    found = the_only(judged("bond0", "bond0.80", network=TAGGED)[:1])

    assert (found.level, "has the name of VLAN 80" in found.text) == ("Error", True)


def test_a_vlan_whose_name_would_be_too_long_is_a_warning():
    found = the_only(judged("a" * 13, network=TAGGED))

    assert (found.level, "of 16 characters" in found.text) == ("Warning", True)
