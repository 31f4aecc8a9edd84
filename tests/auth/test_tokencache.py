"""Remembered tokens: bounded in time and number, without the tokens themselves."""

import pytest

from drydockd.auth.tokencache import RefusedCache, TokenCache
from drydockd.model import Caller

ANN = Caller(user="ann")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def a_cache(clock, **options):
    return TokenCache(**({"seconds": 300} | options), clock=clock, wall_clock=clock)


def test_a_token_is_known_until_its_cache_time(clock):
    cache = a_cache(clock)
    cache.put("t", ANN, expires=9999)
    clock.now += 299
    assert cache.get("t") is ANN
    clock.now += 1
    assert cache.get("t") is None


def test_that_a_token_was_good_is_remembered_up_to_its_end(clock):
    for seconds in (300, 0):
        cache = a_cache(clock, seconds=seconds)
        cache.put("t", ANN, expires=clock.now + 3600)
        clock.now += 301
        assert cache.get("t") is None
        assert cache.was_good("t")
        assert not cache.was_good("u")
        cache.forget("u")
        clock.now += 3300
        assert not cache.was_good("t")
        assert cache.end("t") < clock.now
        assert cache.end("u") is None
        cache.put("t", ANN, expires=clock.now + 3600)
        cache.forget("t")
        assert not cache.was_good("t")


def test_a_token_is_never_known_past_its_end(clock):
    cache = a_cache(clock)
    cache.put("t", ANN, expires=1010)
    clock.now = 1009.9
    assert cache.get("t") is ANN
    clock.now = 1010
    assert cache.get("t") is None


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_cache_switched_off_believes_nothing(clock, seconds):
    cache = a_cache(clock, seconds=seconds)
    cache.put("t", ANN, expires=9999)
    assert cache.get("t") is None
    refused = RefusedCache(seconds=seconds, clock=clock)
    refused.add("t")
    assert len(refused) == 0
    assert "t" not in refused


def test_the_least_recently_used_goes_first(clock):
    cache = a_cache(clock, size=2)
    for token in ("a", "b"):
        cache.put(token, ANN, expires=9999)
    cache.get("a")
    cache.put("c", ANN, expires=9999)
    assert [cache.get(t) for t in "abc"] == [ANN, None, ANN]


def test_no_token_is_kept(clock):
    cache = a_cache(clock)
    cache.put("gAAAA-secret", ANN, expires=9999)
    assert "gAAAA-secret" not in repr(cache._entries)


def test_a_refusal_is_remembered_briefly_and_boundedly(clock):
    refused = RefusedCache(seconds=10, size=3, clock=clock)
    refused.add("a")
    assert "a" in refused
    assert "b" not in refused
    clock.now += 10
    assert "a" not in refused
    for number in range(10):
        refused.add(str(number))
    assert len(refused) == 3
    assert "9" in refused
    cache_untouched = a_cache(clock)
    assert cache_untouched.get("9") is None
