"""The API's tests once more, unchanged, through a balancer that gives each request to the next of
three daemons: what one acknowledged, the next one knows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# What people and nodes do by HTTP. All of tests/handlers can be run so, with the variable set that
# conftest.py names; what fails then reaches into one daemon, and asks another one.
SUITE = (
    "test_task.py",
    "test_tasks.py",
    "test_nodes.py",
    "test_bootaction.py",
    "test_bootdata.py",
    "test_events.py",
)
# They change one daemon from the inside: its policy, its clock, what it forgets.
OF_ONE = ()
# None of this is about the API: connections of a database that a test has left at its end.
QUIET = (
    *("-W", "ignore::pytest.PytestUnraisableExceptionWarning"),
    *("-W", "ignore::ResourceWarning", "-p", "no:cacheprovider"),
)


@pytest.mark.peer("postgres")
@pytest.mark.process
@pytest.mark.slow
def test_the_api_suite_passes_through_a_balancer_over_three_daemons(tmp_path):
    left_out = [f"--deselect={HERE / name}" for name in OF_ONE]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-n", "0", "--tb=short", "--show-capture=no"),
            *(*QUIET, f"--basetemp={tmp_path / 'suite'}", *left_out),
            *(str(HERE / name) for name in SUITE),
        ],
        env={**os.environ, "DRYDOCKD_TEST_BALANCED": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    # As many as there are: the run was not over something else.
    assert done.stdout.count(".") > 100, re.sub(r"\s+", " ", done.stdout)
