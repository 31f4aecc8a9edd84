from datetime import UTC, datetime, timedelta, timezone

from drydockd.model import timestamp


def test_a_timestamp_is_utc_with_microseconds_whatever_the_zone():
    moment = datetime(2026, 1, 31, 12, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2026-01-31T10:20:30.000000+00:00"


def test_text_order_of_timestamps_is_time_order():
    early = datetime(2026, 1, 31, tzinfo=UTC)
    stamps = [timestamp(early + timedelta(microseconds=n)) for n in (0, 1, 10, 10**6)]
    assert stamps == sorted(stamps)
