"""HostProfile documents."""

from tests.design.helpers import node, only_finding, profile, site_of


def test_a_profile_has_no_addresses():
    assert "unknown key addressing" in only_finding(profile("p", addressing=[])).message


def test_the_boot_mac_of_a_profile_is_ignored():
    site = site_of(profile("p", metadata={"boot_mac": "x"}), node("n", host_profile="p"))
    assert site.nodes["n"].boot_mac is None


def test_an_empty_profile_is_legal():
    assert site_of(profile("p")).host_profiles["p"].source == "designed"
