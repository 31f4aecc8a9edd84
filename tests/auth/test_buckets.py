"""What is kept of each address: it leaks away, and there is only so much of it."""

import pytest

from drydockd.auth.buckets import Addresses, Bucket, group


def test_what_is_filled_in_leaks_away():
    bucket = Bucket(rate=0.5)
    assert bucket.fill(100.0, 3) == 3
    assert bucket.fill(102.0, 1) == 3
    assert bucket.fill(104.0, 0) == 2
    assert bucket.fill(1000.0, 0) == 0


def test_a_level_may_have_a_top():
    bucket = Bucket(rate=1.0)
    assert [bucket.fill(5.0, 1, most=2) for _ in range(4)] == [1, 2, 2, 2]


def test_the_address_longest_unheard_of_is_forgotten():
    addresses = Addresses(list, 2)
    for remote in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"):
        addresses.heard(remote).append(remote)
    assert len(addresses) == 2
    assert addresses.heard("10.0.0.1") == ["10.0.0.1", "10.0.0.1"]
    assert addresses.heard("10.0.0.2") == []


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 1000, "x" * 64),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address, counted):
    assert group(address) == counted
