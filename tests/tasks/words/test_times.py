from datetime import UTC, datetime, timedelta

from drydockd.tasks.words.times import moment_after, seconds_until


def test_moments_are_bounded_and_counted_from_where_one_says():
    before = datetime.now(UTC)
    moment = moment_after(10)
    left = seconds_until(moment)
    after = datetime.now(UTC)
    begun = datetime.fromisoformat(moment) - timedelta(seconds=10)
    assert before <= begun <= after
    assert 10 - (after - begun).total_seconds() <= left <= 10 - (before - begun).total_seconds()
    assert moment_after(10, "2000-01-01T00:00:00.000000+00:00").startswith("2000")
    since = "2026-01-01T00:00:00.000000+00:00"
    assert moment_after(90, since=since) == "2026-01-01T00:01:30.000000+00:00"
