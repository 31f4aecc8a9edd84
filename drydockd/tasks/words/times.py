"""Moments and seconds: what is recorded is a moment, what is waited is a number of seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drydockd.model import Timestamp, timestamp


def seconds_until(moment: Timestamp) -> float:
    return (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()


def moment_after(
    seconds: float, not_after: Timestamp | None = None, *, since: Timestamp | None = None
) -> Timestamp:
    """Return the time `seconds` from `since` (now), or `not_after` if that is earlier."""
    start = datetime.fromisoformat(since) if since else datetime.now(UTC)
    moment = timestamp(start + timedelta(seconds=seconds))
    return min(moment, not_after) if not_after else moment
