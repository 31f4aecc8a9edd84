import pytest

from drydockd.design.rules import irrational_range as rule
from drydockd.site import AddressRange
from tests.design.rules.helpers import a_network, a_site, document, levels, the_only, verdicts


def a_range(start, end, kind="static"):
    return AddressRange(kind, start, end)


def judged(*ranges, cidr="10.9.0.0/24"):
    return verdicts(rule, a_site(a_network(cidr=cidr, ranges=ranges)))


def test_ranges_beside_each_other_pass():
    assert not judged(a_range("10.9.0.1", "10.9.0.9"), a_range("10.9.0.10", "10.9.0.10", "dhcp"))
    assert not judged(a_range("2001:db8::1", "2001:db8::ff"), cidr="2001:db8::/64")


def test_a_range_that_ends_before_it_starts_is_an_error_with_the_right_order():
    found = the_only(judged(a_range("10.9.0.20", "10.9.0.10")))

    assert found.level == "Error"
    assert "ends before it starts" in found.text
    assert "start: 10.9.0.10 and end: 10.9.0.20" in found.hint
    assert found.documents == (document("Network", "lan"),)


@pytest.mark.parametrize(
    ("start", "end"),
    [("10.9.1.1", "10.9.1.9"), ("10.9.0.250", "10.9.1.5"), ("2001:db8::1", "2001:db8::2")],
)
def test_a_range_outside_its_network_is_an_error(start, end):
    found = the_only(judged(a_range(start, end)))

    assert (found.level, "is not inside 10.9.0.0/24" in found.text) == ("Error", True)


def test_ranges_that_overlap_are_a_warning_for_each_pair():
    found = judged(
        a_range("10.9.0.1", "10.9.0.20"),
        a_range("10.9.0.20", "10.9.0.30", "dhcp"),
        a_range("10.9.0.5", "10.9.0.25", "reserved"),
    )

    assert levels(found) == ["Warning"] * 3
    assert "static range 10.9.0.1 to 10.9.0.20 and dhcp range" in found[0].text


def test_a_network_with_an_invalid_cidr_is_left_to_its_own_rule():
    assert not judged(a_range("10.9.0.20", "10.9.0.10"), cidr="x")
