import pytest

from drydockd.design.rules import invalid_cidr as rule
from tests.design.rules.helpers import (
    a_bare_site,
    a_network,
    a_site,
    document,
    levels,
    the_only,
    verdicts,
)


@pytest.mark.parametrize(
    "cidr",
    [
        "10.9.0.0/24",
        "10.9.0.0/255.255.255.0",
        "10.9.0.7",
        "2001:db8::/32",
        "2001:0db8:0000:0000:0000:0000:0000:0000/32",
        "0.0.0.0/0",
    ],
)
def test_a_network_address_passes(cidr):
    assert not verdicts(rule, a_site(a_network(cidr=cidr)))


@pytest.mark.parametrize(
    ("cidr", "proposal"),
    [
        ("10.9.0.1/24", "10.9.0.0/24"),
        # V-9: spellings whose complaint the original did not recognise
        ("10.0.0.1/255.255.255.0", "10.0.0.0/24"),
        ("2001:0db8:0000::0001/64", "2001:db8::/64"),
    ],
)
def test_host_bits_are_an_error_that_proposes_the_network(cidr, proposal):
    found = the_only(verdicts(rule, a_site(a_network("lan", cidr=cidr))))

    assert found.level == "Error"
    assert cidr in found.text
    assert proposal in found.hint
    assert found.documents == (document("Network", "lan"),)


@pytest.mark.parametrize("cidr", ["", "lan", "10.9.0.0/33", "10.9.0/24", "300.1.1.0/24"])
def test_text_that_is_no_network_is_an_error_that_names_it(cidr):
    found = the_only(verdicts(rule, a_site(a_network("lan", cidr=cidr))))

    assert found.level == "Error"
    assert repr(cidr) in found.text
    assert found.documents == (document("Network", "lan"),)


def test_a_design_without_networks_gets_a_warning_without_documents():
    found = verdicts(rule, a_bare_site())

    assert levels(found) == ["Warning"]
    assert found[0].documents == ()


def test_each_bad_network_is_reported_by_itself():
    site = a_site(a_network("a", cidr="10.1.0.1/16"), a_network("b"), a_network("c", cidr="x"))

    assert [v.documents[0].name for v in verdicts(rule, site)] == ["a", "c"]
