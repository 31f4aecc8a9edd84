"""Waiting: on servers that hold, on servers that do not, on servers that restart."""

import pytest

from drydockd.api.task import Task
from drydockd.client import ClientConnectionError, ClientError, ClientTimeoutError, waiting
from tests.client.helpers import a_task as task_json


def a_task(status):
    return Task.model_validate(task_json(status))


class Clock:
    """Time that passes only when somebody sleeps or a request is held."""

    def __init__(self, monkeypatch):
        self.now, self.sleeps = 100.0, []
        monkeypatch.setattr(waiting.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(waiting.time, "sleep", self.sleep)

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def answering(*answers):
    left = list(answers)

    def ask(hold):
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return ask


def test_a_server_that_answers_at_once_is_asked_ever_more_seldom(clock):
    ask = answering(*[a_task("running")] * 8, a_task("complete"))
    waiting.wait_for(ask, None, 4, None)
    assert clock.sleeps == [0.5, 1, 2, 4, 4, 4, 4]


def test_a_server_that_holds_is_never_slept_on(clock):
    left = 5

    def ask(hold):
        nonlocal left
        left -= 1
        clock.now += hold
        return a_task("running" if left else "complete")

    waiting.wait_for(ask, None, 15, None)
    assert clock.sleeps == []
    assert clock.now == 100 + 4 * waiting.HOLD_SECONDS


def test_the_limit_is_kept_and_told(clock):
    with pytest.raises(ClientTimeoutError, match=r"within 60 s; it is running"):
        waiting.wait_for(answering(a_task("running")), 60, 15, None)
    assert 60 <= clock.now - 100 < 61


def test_a_server_that_restarts_is_waited_for(clock):
    away = ClientConnectionError("refused")
    ask = answering(a_task("running"), away, away, ClientError("x", 503), a_task("complete"))
    assert waiting.wait_for(ask, None, 15, None)["status"] == "complete"


def test_a_server_that_stays_away_is_given_up_after_a_minute(clock):
    ask = answering(a_task("running"), ClientConnectionError("refused"))
    with pytest.raises(ClientConnectionError):
        waiting.wait_for(ask, None, 15, None)
    assert waiting.PATIENCE_SECONDS < clock.now - 100 < waiting.PATIENCE_SECONDS + 20


def test_a_task_that_is_gone_is_an_error_at_once(clock):
    with pytest.raises(ClientError, match="gone"):
        waiting.wait_for(answering(ClientError("gone", 404)), None, 15, None)
    assert clock.sleeps == []
