import pytest

from drydockd.web.sessions import IDLE_SECONDS, LONGEST_SECONDS, Sessions
from tests.web.test_attempts import Clock


@pytest.fixture
def clock():
    return Clock()


def test_a_session_ends_when_it_is_not_used(clock):
    sessions = Sessions(clock)
    one = sessions.begin("token")
    clock.now += IDLE_SECONDS - 1
    assert sessions.find(one).token == "token"
    clock.now += IDLE_SECONDS - 1
    assert sessions.find(one) is not None
    clock.now += IDLE_SECONDS
    assert sessions.find(one) is None
    assert len(sessions) == 0


def test_a_session_ends_after_a_working_day_however_much_it_is_used(clock):
    sessions = Sessions(clock)
    one = sessions.begin("token")
    end = clock.now + LONGEST_SECONDS
    while clock.now < end - 600:
        clock.now += 600
        assert sessions.find(one) is not None
    clock.now = end
    assert sessions.find(one) is None


def test_a_look_at_a_session_is_no_use_of_it(clock):
    sessions = Sessions(clock)
    one = sessions.begin("token")
    clock.now += IDLE_SECONDS - 1
    assert sessions.peek(one) is not None
    clock.now += 1
    assert sessions.peek(one) is None


def test_the_session_unused_for_longest_makes_room(clock):
    sessions = Sessions(clock, most=2)
    first, second = sessions.begin("1"), sessions.begin("2")
    sessions.find(first)
    sessions.begin("3")
    assert sessions.find(second) is None
    assert sessions.find(first) is not None


def test_no_session_is_found_without_an_id_or_by_a_wrong_one(clock):
    sessions = Sessions(clock)
    one = sessions.begin("token")
    assert sessions.find(None) is None
    assert sessions.find(one + "x") is None
    sessions.end(one)
    sessions.end(one)
    assert sessions.find(one) is None


def test_a_token_is_in_no_text_of_a_session(clock):
    sessions = Sessions(clock)
    assert "secret" not in repr(sessions.find(sessions.begin("secret")))
