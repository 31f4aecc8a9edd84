import pytest

from drydockd.design.rules import irrational_mtu as rule
from tests.design.rules.helpers import a_link, a_network, a_site, document, the_only, verdicts


@pytest.mark.parametrize("mtu", [1280, 1500, 65536])
def test_the_bounds_are_allowed(mtu):
    assert not verdicts(rule, a_site(a_network(mtu=mtu), a_link("trunk", "lan", mtu=mtu)))


@pytest.mark.parametrize("mtu", [0, 1279, 65537])
def test_a_link_outside_the_bounds_names_them_and_its_value(mtu):  # V-6: 0
    found = the_only(verdicts(rule, a_site(a_link("trunk", "lan", mtu=mtu))))

    assert found.text == f"mtu {mtu} of link trunk is not within 1280 to 65536."
    assert found.documents == (document("NetworkLink", "trunk"),)


def test_a_network_outside_the_bounds_names_its_own_value():  # V-6
    site = a_site(a_network("lan", mtu=9), a_link("trunk", "lan", mtu=1500))

    found = the_only(verdicts(rule, site))

    assert found.text == "mtu 9 of network lan is not within 1280 to 65536."
    assert found.documents == (document("Network", "lan"),)


@pytest.mark.parametrize(
    "link",
    [a_link("trunk", "lan"), a_link("trunk", native_network="lan")],
    ids=["allowed", "default"],
)
def test_a_network_may_not_exceed_a_link_that_carries_it(link):  # V-6: allowed ones never did
    found = the_only(verdicts(rule, a_site(a_network("lan", mtu=9000), link)))

    assert found.level == "Error"
    assert "network lan" in found.text
    assert "link trunk" in found.text
    assert "1500" in found.text
    assert found.documents == (document("Network", "lan"),)


def test_allowed_and_default_on_one_link_is_one_error():
    link = a_link("trunk", "lan", native_network="lan")

    assert len(verdicts(rule, a_site(a_network("lan", mtu=9000), link))) == 1


def test_links_that_do_not_carry_the_network_do_not_matter():
    site = a_site(a_network("lan", mtu=9000), a_link("big", "lan", mtu=9000), a_link("small"))

    assert not verdicts(rule, site)


def test_a_network_without_mtu_fits_any_link():
    assert not verdicts(rule, a_site(a_network("lan"), a_link("trunk", "lan", mtu=1280)))
