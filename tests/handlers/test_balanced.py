"""The API's tests once more, unchanged, through a balancer that gives each request to the next of
three daemons: what one acknowledged, the next one knows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What people and nodes do by HTTP, within a minute of work. Any file of tests/handlers can be run
# so, with the variable set that conftest.py names; what fails then reaches into one daemon, and
# asks another one.
SUITE = ("test_tasks.py", "test_bootdata.py", "test_events.py")
OF_ONE = (
    # A policy is read again by the daemon that is told to.
    "test_tasks.py::test_an_action_needs_its_own_permission_too",
    # A balancer takes what a slow node does not.
    "test_bootdata.py::test_a_node_that_takes_nothing_is_cut_off",
    # They take a source away from one daemon; others may have it.
    "test_bootdata.py::test_a_lost_source_is_a_status_code_and_ends_the_wait_for_reports",
    "test_bootdata.py::test_a_source_that_turns_out_lost_on_the_way_breaks_the_connection",
    # Streams are counted by each daemon.
    "test_events.py::test_too_many_readers_are_told_to_come_back",
    # They end a daemon, and start one with a store on disk.
    "test_events.py::test_a_stop_of_the_daemon_ends_the_streams",
    "test_events.py::test_everything_goes_on_over_a_restart_without_gap_or_double",
)
# None of this is about the API: connections of a database that a test has left at its end.
QUIET = (
    *("-W", "ignore::pytest.PytestUnraisableExceptionWarning"),
    *("-W", "ignore::ResourceWarning", "-p", "no:cacheprovider"),
)


@pytest.mark.peer("postgres")
@pytest.mark.process
@pytest.mark.slow
def test_the_api_suite_passes_through_a_balancer_over_three_daemons(tmp_path):
    left_out = [f"--deselect=tests/handlers/{name}" for name in OF_ONE]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-n", "0", "--tb=short", "--show-capture=no"),
            *(*QUIET, f"--basetemp={tmp_path / 'suite'}", *left_out),
            *(f"tests/handlers/{name}" for name in SUITE),
        ],
        cwd=ROOT,
        env={**os.environ, "DRYDOCKD_TEST_BALANCED": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    lines = [line.partition(" [")[0].strip() for line in done.stdout.splitlines()]
    passed = sum(len(line) for line in lines if line and set(line) == {"."})
    assert passed >= 90, done.stdout
