"""A cache bounded by bytes."""

from drydockd.render import ByteCache


def test_the_value_used_longest_ago_goes_first():
    cache = ByteCache(10)
    cache.put("a", b"1", 5)
    cache.put("b", b"2", 5)
    assert cache.get("a") == b"1"
    cache.put("c", b"3", 5)
    assert [cache.get(k) for k in "abc"] == [b"1", None, b"3"]
    assert cache.bytes == 10


def test_a_value_larger_than_the_cache_is_not_kept_and_pushes_nothing_out():
    cache = ByteCache(10)
    cache.put("a", b"1", 5)
    cache.put("b", b"2", 11)
    assert cache.get("a") == b"1"
    assert cache.get("b") is None


def test_a_replaced_value_is_counted_once():
    cache = ByteCache(10)
    for _ in range(5):
        cache.put("a", b"1", 7)
    assert (cache.bytes, len(cache)) == (7, 1)
    cache.clear()
    assert (cache.bytes, len(cache)) == (0, 0)
