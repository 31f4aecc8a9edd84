import pytest

from drydockd.design.rules import invalid_hostname as rule
from tests.design.rules.helpers import a_network, a_node, a_site, node_document, the_only, verdicts


def named(name, domain="example.com"):
    node = a_node(name, addressing=())
    return a_site(a_network("lan", dns_domain=domain), node)


@pytest.mark.parametrize("name", ["n1", "N1", "1", "a-b-c", "x" * 63])
def test_letters_digits_and_hyphens_pass(name):
    assert not verdicts(rule, named(name))


def test_the_trailing_dot_of_a_domain_is_no_empty_label():
    assert not verdicts(rule, named("n1", "example.com."))


@pytest.mark.parametrize(
    "name",
    ["a_b", "n1__kp", "-a", "a-", "x" * 64, "a b", "kelvin\u212a", "long\u017f", "ü", "n1\n"],
)
def test_a_bad_label_is_named_with_its_fqdn(name):  # V-16: hyphens at the ends, K and ſ passed
    found = the_only(verdicts(rule, named(name)))

    assert found.level == "Error"
    assert repr(name) in found.text
    assert "example.com" in found.text
    assert found.documents == (node_document(name),)


def test_each_bad_label_is_an_error():
    assert len(verdicts(rule, named("n_1", "bad_.ex.-x"))) == 3


@pytest.mark.parametrize("domain", ["a..b", "a.b.."])
def test_an_empty_label_fails(domain):
    assert "label ''" in the_only(verdicts(rule, named("n1", domain))).text


def test_253_characters_pass_and_254_do_not():  # V-16: 255 passed
    longest = ".".join(["x" * 62] * 4)  # 251 characters, with "n." 253

    assert not verdicts(rule, named("n", longest))
    found = the_only(verdicts(rule, named("nn", longest)))
    assert "254 characters" in found.text


def test_without_a_primary_network_the_domain_is_local():
    site = a_site(a_node("n_1", primary_network=None, addressing=()))

    assert "n_1.local" in the_only(verdicts(rule, site)).text
