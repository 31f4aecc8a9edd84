"""Unknown tokens: how many are asked about, of one address and in all."""

import pytest

from drydockd.auth.audit import Audit
from drydockd.auth.lookups import Lookups
from drydockd.errors import TooMany


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(clock):
    return lambda **options: Lookups(**({"per_address": 6, "total": 60} | options), clock=clock)


def wrong(lookups, remote="10.0.0.1", *, is_good=False):
    """A look-up that ends at once; False if it was not admitted."""
    try:
        lookups.admit(remote)
    except TooMany:
        return False
    lookups.began(remote)
    lookups.ended(remote, is_good=is_good)
    return True


def test_wrong_tokens_of_one_address_are_asked_about_so_often_a_minute(make, clock):
    lookups = make()
    assert [wrong(lookups) for _ in range(9)] == [True] * 6 + [False] * 3
    assert lookups.refused == 3
    assert wrong(lookups, "10.0.0.2")
    clock.now += 10
    assert [wrong(lookups) for _ in range(2)] == [True, False]


def test_the_refusal_says_when_to_come_again(make, clock):
    lookups = make()
    while wrong(lookups):
        pass
    with pytest.raises(TooMany, match="too many unknown tokens") as refusal:
        lookups.admit("10.0.0.1")
    assert refusal.value.retry_after == 10
    clock.now += refusal.value.retry_after
    lookups.admit("10.0.0.1")


def test_good_tokens_are_no_flood(make):
    lookups = make()
    assert all(wrong(lookups, is_good=True) for _ in range(500))


def test_a_look_up_that_failed_counts_for_nobody(make):
    lookups = make()
    assert all(wrong(lookups, is_good=None) for _ in range(500))


def test_a_flood_from_everywhere_is_bounded_in_all(make):
    lookups = make()
    asked = sum(wrong(lookups, f"10.0.{n // 200}.{n % 200}") for n in range(1000))
    assert asked == 60


def test_an_address_that_was_good_is_not_in_the_flood_from_everywhere(make, clock):
    lookups = make(good_seconds=3600)
    assert wrong(lookups, "10.9.9.9", is_good=True)
    for number in range(1000):
        wrong(lookups, f"10.0.{number // 200}.{number % 200}")
    assert wrong(lookups, "10.9.9.9", is_good=True)
    assert not wrong(lookups, "10.9.9.8")
    clock.now += 3601
    assert lookups.tracked


def test_of_one_address_so_many_wait_at_once(make):
    lookups = make(waiting_per_address=3)
    for _ in range(3):
        lookups.admit("10.0.0.1")
        lookups.began("10.0.0.1")
    with pytest.raises(TooMany):
        lookups.admit("10.0.0.1")
    lookups.admit("10.0.0.2")
    lookups.ended("10.0.0.1", is_good=True)
    lookups.admit("10.0.0.1")


def test_addresses_of_one_network_of_ipv6_count_as_one(make):
    lookups = make()
    assert sum(wrong(lookups, f"2001:db8::{n:x}") for n in range(1, 50)) == 6


def test_memory_of_addresses_is_bounded(make):
    lookups = make(max_addresses=10)
    for number in range(100):
        wrong(lookups, f"10.0.0.{number}")
    assert lookups.tracked == 10


def test_the_security_log_is_told_once_and_not_for_every_token(make, caplog):
    caplog.set_level("INFO", "drydockd.audit")
    lookups = make(audit=Audit())
    for _ in range(50):
        wrong(lookups)
    assert caplog.text.count("excess_rate_limit_exceeded:10.0.0.1") == 1
