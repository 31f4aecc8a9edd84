import logging

import pytest

from drydockd.cluster.clock import ClockOffset


def test_before_it_was_measured_nothing_is_known_of_it():
    offset = ClockOffset()

    assert (offset.seconds, offset.is_good, offset.problem) == (None, False, None)


@pytest.mark.parametrize("seconds", [0.0, 1.0, -1.0])
def test_a_second_is_nobodys_business(seconds, caplog):
    offset = ClockOffset()

    offset.measured(seconds)

    assert offset.is_good
    assert offset.problem is None
    assert not caplog.records


@pytest.mark.parametrize(("seconds", "side"), [(1.2, "behind"), (-1.2, "ahead of")])
def test_more_than_a_second_is_a_warning(seconds, side, caplog):
    offset = ClockOffset()

    offset.measured(seconds)

    assert offset.is_good
    assert f"1.2 s {side} the database's" in offset.problem
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("seconds", [5.1, -600.0])
def test_with_more_than_five_it_is_not_ready(seconds):
    offset = ClockOffset()

    offset.measured(seconds)

    assert not offset.is_good
    assert "not ready" in offset.problem


def test_the_log_says_what_changes_and_not_each_measurement(caplog):
    caplog.set_level(logging.INFO)
    offset = ClockOffset()

    for seconds in (0.0, 2.0, 2.1, 9.0, 9.1, 0.0, 0.0):
        offset.measured(seconds)

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO"]
