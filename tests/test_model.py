from datetime import UTC, datetime, timedelta, timezone

from drydockd.model import API_ACTIONS, Action, TaskStatus, timestamp


def test_a_timestamp_is_utc_with_microseconds_whatever_the_zone():
    moment = datetime(2026, 1, 31, 12, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2026-01-31T10:20:30.000000+00:00"


def test_text_order_of_timestamps_is_time_order():
    early = datetime(2026, 1, 31, tzinfo=UTC)
    stamps = [timestamp(early + timedelta(microseconds=n)) for n in (0, 1, 10, 10**6)]
    assert stamps == sorted(stamps)


def test_only_complete_and_terminated_are_final():
    assert [s for s in TaskStatus if s.is_final] == [TaskStatus.TERMINATED, TaskStatus.COMPLETE]


def test_internal_actions_cannot_be_asked_for():
    assert Action.NOOP not in API_ACTIONS
    assert Action.BOOTACTION_REPORT not in API_ACTIONS
