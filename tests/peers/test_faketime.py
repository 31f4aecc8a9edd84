"""The wrong clock of the tests is wrong as they say, and its process's monotonic one is right."""

import subprocess
import sys
import time

import pytest

from tests.peers.faketime import SHARED, WrongClock

pytestmark = [pytest.mark.peer("faketime"), pytest.mark.process]

CLOCKS = """
import sys, time
for line in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""


@pytest.fixture
def clock(tmp_path):
    return WrongClock(tmp_path, 600)


@pytest.fixture
def told(clock):
    """Ask a process with that clock what time it is: (seconds it is fast, its monotonic clock)."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLOCKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clock.environment,
        text=True,
    )

    def ask():
        process.stdin.write("\n")
        process.stdin.flush()
        now, monotonic = map(float, process.stdout.readline().split())
        return now - time.time(), monotonic

    yield ask
    process.kill()
    process.communicate()
    clock.tidy(process.pid)
    assert not list(SHARED.glob(f"*faketime*_{process.pid}"))


def test_it_is_fast_and_may_be_set_back_meanwhile(clock, told):
    before = time.monotonic()
    fast, monotonic = told()
    assert round(fast / 100) == 6
    assert before <= monotonic <= time.monotonic()
    clock.set(-600)
    assert round(told()[0] / 100) == -6
