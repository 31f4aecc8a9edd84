from drydockd.design.rules import irrational_trunking as rule
from tests.design.rules.helpers import a_link, a_network, a_site, document, the_only, verdicts

LINK = (document("NetworkLink", "trunk"),)


def test_one_untagged_default_network_passes():
    assert not verdicts(
        rule, a_site(a_network("lan"), a_link("trunk", "lan", native_network="lan"))
    )


def test_two_allowed_networks_need_trunking():
    link = a_link("trunk", "lan", "san", native_network="lan")

    found = the_only(verdicts(rule, a_site(a_network("lan"), a_network("san"), link)))

    assert found.level == "Error"
    assert found.documents == LINK


def test_without_trunking_a_default_network_is_needed():
    assert the_only(verdicts(rule, a_site(a_link("trunk", "lan")))).documents == LINK


def test_an_undefined_default_network_is_an_error_not_a_crash():  # V-7
    found = the_only(verdicts(rule, a_site(a_link("trunk", "lan", native_network="nowhere"))))

    assert "nowhere" in found.text
    assert found.documents == LINK


def test_a_tagged_default_network_needs_trunking():
    site = a_site(a_network("lan", vlan_id="100"), a_link("trunk", "lan", native_network="lan"))

    found = the_only(verdicts(rule, site))

    assert "VLAN id 100" in found.text
    assert found.documents == (document("Network", "lan"), *LINK)


def test_several_faults_of_one_link_are_all_reported():
    found = verdicts(rule, a_site(a_link("trunk", "lan", "san")))

    assert [v.documents for v in found] == [LINK, LINK]


def test_a_trunk_needs_no_default_and_may_have_a_tagged_one():
    tagged = a_network("lan", vlan_id="100")
    bare = a_link("trunk", "lan", "san", trunk_mode="802.1q")
    native = a_link("trunk", "lan", "san", trunk_mode="802.1q", native_network="lan")

    assert not verdicts(rule, a_site(tagged, bare))
    assert not verdicts(rule, a_site(tagged, native))


def test_a_trunks_default_network_must_be_defined():
    link = a_link("trunk", "lan", trunk_mode="802.1q", native_network="nowhere")

    assert the_only(verdicts(rule, a_site(link))).documents == LINK
