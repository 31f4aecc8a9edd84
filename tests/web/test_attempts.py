import pytest

from drydockd.errors import TooMany
from drydockd.web.attempts import FREE, RECOVER_SECONDS, Attempts


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_an_address_may_fail_so_often_and_once_more_after_a_while(clock):
    attempts = Attempts(clock=clock)
    for _ in range(FREE):
        attempts.admit("192.0.2.1")
    with pytest.raises(TooMany) as refused:
        attempts.admit("192.0.2.1")
    assert refused.value.retry_after == RECOVER_SECONDS
    attempts.admit("192.0.2.2")
    clock.now += RECOVER_SECONDS
    attempts.admit("192.0.2.1")
    with pytest.raises(TooMany):
        attempts.admit("192.0.2.1")


def test_a_user_may_fail_so_often_from_wherever(clock):
    attempts = Attempts(clock=clock)
    for number in range(FREE):
        attempts.admit(f"192.0.2.{number}", "Default/ann")
    with pytest.raises(TooMany, match="user"):
        attempts.admit("198.51.100.1", "Default/ann")
    attempts.admit("198.51.100.1", "Default/max")


def test_good_logins_do_not_count(clock):
    attempts = Attempts(clock=clock)
    for _ in range(3 * FREE):
        attempts.admit("192.0.2.1", "Default/ann")
        attempts.passed("192.0.2.1", "Default/ann")


def test_those_refused_are_not_counted_so_waiting_helps(clock):
    attempts = Attempts(clock=clock)
    for _ in range(FREE):
        attempts.admit("192.0.2.1")
    for _ in range(100):
        with pytest.raises(TooMany):
            attempts.admit("192.0.2.1")
    clock.now += RECOVER_SECONDS
    attempts.admit("192.0.2.1")
