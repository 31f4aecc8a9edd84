"""The worker's side, run in this process: answers, limits and the ends of a child."""

import json
import os
import signal
from pathlib import Path

import pytest

from drydockd.render import worker


@pytest.fixture(autouse=True, scope="module")
def _ready_to_fork():
    worker.warm_up()


def job(source, **more):
    return {
        "source": source,
        "context": {"a": 1},
        "chars": 1000,
        "seconds": 2.0,
        "memory_bytes": 64 << 20,
    } | more


def answer_to(**more):
    return json.loads(worker.answer(worker.encoded(job(**more))))


def test_a_job_is_answered_with_its_text():
    assert answer_to(source="{% set b = a + 1 %}{{ b }} é\n") == {"text": "2 é\n"}


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"source": "{{ gone }}"}, "UndefinedError: "),
        ({"source": "{{ 'a' * 10**9 }}"}, "needs more than 64 MiB of memory"),
        ({"source": "{{ 10**(10**9) }}", "seconds": 0.2}, "takes longer than 0.2 s"),
        ({"source": "{{ 'ab' }}", "chars": 1}, "TooLong: the output is longer than 1 characters"),
    ],
)
def test_a_failure_is_an_answer_too(more, error):
    assert error in answer_to(**more)["error"]


def test_the_child_may_not_open_a_file(monkeypatch):
    monkeypatch.setattr(worker.sandbox, "render_any", lambda *_: Path("/etc/hostname").read_text())
    assert answer_to(source="") == {"error": "tries to open a file"}


def test_a_child_that_crashes_is_told_by_its_signal(monkeypatch):
    monkeypatch.setattr(worker, "_rendered", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    assert answer_to(source="") == {"error": "ended its process with SIGKILL"}


def test_a_child_that_ends_early_is_told(monkeypatch):
    monkeypatch.setattr(worker, "_rendered", lambda _: b"")
    assert answer_to(source="") == {"error": "ended its process without an answer"}
