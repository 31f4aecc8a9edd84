from drydockd.tasks.words.times import moment_after, seconds_until


def test_moments_are_bounded_and_counted_from_where_one_says():
    assert 9 < seconds_until(moment_after(10)) <= 10
    assert moment_after(10, "2000-01-01T00:00:00.000000+00:00").startswith("2000")
    since = "2026-01-01T00:00:00.000000+00:00"
    assert moment_after(90, since=since) == "2026-01-01T00:01:30.000000+00:00"
