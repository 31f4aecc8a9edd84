"""The API's tests once more, unchanged, through a balancer that gives each request to the next of
three daemons: what one acknowledged, the next one knows."""

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# What people and nodes do by HTTP. Any file of tests/handlers can be run so, with the variable set
# that conftest.py names and with ONE_LOOP; what fails then reaches into one daemon, and asks
# another one.
SUITE = (
    "test_attacks.py",
    "test_base.py",
    "test_bootaction.py",
    "test_bootdata.py",
    "test_contract.py",
    "test_designs.py",
    "test_events.py",
    "test_headers.py",
    "test_health.py",
    "test_identity.py",
    "test_matrix.py",
    "test_nodes.py",
    "test_openapi.py",
    "test_schemathesis.py",
    "test_status.py",
    "test_task.py",
    "test_tasks.py",
)
# Of the others, why not.
NO_DAEMON = "asks no daemon"
PLAYED = "plays the other daemons itself; real ones are asked in tests/daemon/test_cluster*.py"
SOCKETS = "is about a daemon's own connections; the balancer's would be between"
REASONS = {
    "test_accesslog.py": NO_DAEMON,
    "test_balanced.py": "this one",
    "test_barrier.py": PLAYED,
    "test_body.py": NO_DAEMON,
    "test_bootrender.py": "looks at what one daemon has rendered and remembers",
    "test_builddata.py": NO_DAEMON,
    "test_company.py": PLAYED,
    "test_connections.py": SOCKETS,
    "test_deadlines.py": NO_DAEMON,
    "test_document.py": NO_DAEMON,
    "test_healthcheck.py": NO_DAEMON,
    "test_intake.py": "bodies on their way are counted by each daemon",
    "test_line.py": NO_DAEMON,
    "test_listen.py": NO_DAEMON,
    "test_measure.py": NO_DAEMON,
    "test_outcomes.py": NO_DAEMON,
    "test_outlook.py": NO_DAEMON,
    "test_parameters.py": NO_DAEMON,
    "test_parts.py": NO_DAEMON,
    "test_peers.py": "is about what daemons ask each other, past any balancer",
    "test_places.py": "long polls and streams are counted by each daemon",
    "test_proxies.py": NO_DAEMON,
    "test_published.py": "is about the numbers of one process",
    "test_recorder.py": "is about the tests' own client",
    "test_refusals.py": NO_DAEMON,
    "test_requests.py": NO_DAEMON,
    "test_routing.py": NO_DAEMON,
    "test_schemes.py": SOCKETS,
    "test_server.py": SOCKETS,
    "test_services.py": "counts the requests of one daemon, and ends it",
    "test_shared.py": PLAYED,
    "test_slices.py": NO_DAEMON,
    "test_streams.py": SOCKETS,
    "test_taskview.py": "is about what one process remembers of shown tasks",
    "test_whole.py": SOCKETS,
    "test_wording.py": NO_DAEMON,
}
# Single tests, and why not.
OF_ONE = {
    "test_attacks.py::test_guessing_keys_is_slowed_and_the_owner_is_not": (
        "refusals are counted by each daemon"
    ),
    "test_base.py::test_a_client_that_does_not_take_its_answer_is_cut_off": (
        "gives one daemon an endless answer, and a balancer takes what its client does not"
    ),
    "test_base.py::test_a_client_of_http_1_0_gets_a_long_answer_until_the_end_of_the_connection": (
        "gives one daemon an answer of the test's own"
    ),
    "test_base.py::test_a_long_answer_goes_as_fast_as_it_is_taken_and_ends_with_its_reader": (
        "gives one daemon an endless answer"
    ),
    "test_base.py::test_a_failure_of_ours_says_nothing_of_itself": "breaks the store of one daemon",
    "test_base.py::test_a_long_answer_that_fails_is_a_status_code_or_else_cut_off": (
        "gives one daemon an answer that fails"
    ),
    "test_base.py::test_head_of_a_long_answer_makes_no_more_than_its_beginning": (
        "gives one daemon an endless answer"
    ),
    "test_bootaction.py::test_reports_are_counted_over_a_restart": (
        "ends a daemon and starts one with a store on disk"
    ),
    "test_bootdata.py::test_a_node_that_takes_nothing_is_cut_off": (
        "a balancer takes what a slow node does not"
    ),
    "test_bootdata.py::test_a_node_that_hangs_up_is_no_error": "each daemon has its own numbers",
    "test_bootdata.py::test_a_large_source_is_sent_part_by_part": (
        "looks at what one daemon has in memory"
    ),
    "test_bootdata.py::test_a_lost_source_is_a_status_code_and_ends_the_wait_for_reports": (
        "takes a source away from one daemon; others may have it"
    ),
    "test_bootdata.py::test_a_source_that_turns_out_lost_on_the_way_breaks_the_connection": (
        "takes a source away from one daemon; others may have it"
    ),
    "test_designs.py::test_a_full_queue_is_503_and_says_when_to_come_again": (
        "fills the queue of one daemon"
    ),
    "test_events.py::test_each_event_is_made_in_a_turn_of_the_readers_own": (
        "counts the turns of one daemon"
    ),
    "test_events.py::test_a_reader_that_leaves_frees_its_place": (
        "streams are counted by each daemon"
    ),
    "test_events.py::test_streams_of_everything_are_counted_with_the_others": (
        "streams are counted by each daemon"
    ),
    "test_events.py::test_a_reader_of_everything_that_takes_nothing_is_dropped_and_can_go_on": (
        "looks at the streams of one daemon"
    ),
    "test_events.py::test_too_many_readers_are_told_to_come_back": (
        "streams are counted by each daemon"
    ),
    "test_events.py::test_a_stop_of_the_daemon_ends_the_streams": "ends a daemon",
    "test_events.py::test_everything_goes_on_over_a_restart_without_gap_or_double": (
        "ends a daemon and starts one with a store on disk"
    ),
    "test_health.py::test_extended_health_has_the_documented_form": (
        "several daemons say who they are besides"
    ),
    "test_health.py::test_metrics_name_no_host_and_no_task": "each daemon has its own numbers",
    "test_status.py::test_a_store_that_cannot_write_is_down_with_its_cause": (
        "breaks the store of one daemon"
    ),
    "test_tasks.py::test_an_action_needs_its_own_permission_too": (
        "a policy is read again by the daemon that is told to"
    ),
}
# Tests that share daemons share their loop.
ONE_LOOP = (
    *("-o", "asyncio_default_test_loop_scope=session"),
    *("-o", "asyncio_default_fixture_loop_scope=session"),
)
# None of this is about the API: connections of a database that a test has left at its end.
QUIET = (
    *("-W", "ignore::pytest.PytestUnraisableExceptionWarning"),
    *("-W", "ignore::ResourceWarning", "-p", "no:cacheprovider"),
)


# A server of its own: others need not wait for it.
@pytest.mark.xdist_group("balanced")
@pytest.mark.peer("postgres")
@pytest.mark.process
@pytest.mark.slow
def test_the_api_suite_passes_through_a_balancer_over_three_daemons(tmp_path):
    left_out = [f"--deselect=tests/handlers/{name}" for name in OF_ONE]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-n", "0", "--tb=short", "--show-capture=no"),
            *(*ONE_LOOP, *QUIET, f"--basetemp={tmp_path / 'suite'}", *left_out),
            *(f"tests/handlers/{name}" for name in SUITE),
        ],
        cwd=ROOT,
        env={**os.environ, "DRYDOCKD_TEST_BALANCED": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    lines = [line.partition(" [")[0].strip() for line in done.stdout.splitlines()]
    passed = sum(len(line) for line in lines if line and set(line) == {"."})
    assert passed >= 380, done.stdout


def test_every_file_of_tests_is_in_the_suite_or_has_a_reason():
    there = [path.name for path in HERE.glob("test_*.py")]
    assert Counter(there) == Counter([*SUITE, *REASONS])


@pytest.mark.parametrize("name", sorted(name for name, why in REASONS.items() if why == NO_DAEMON))
def test_those_that_are_said_to_ask_no_daemon_do_not(name):
    tree = ast.parse((HERE / name).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))
    assert not [one.name for one in functions if "drydock" in {a.arg for a in one.args.args}]
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    helpers = [one for one in imports if one.module == "tests.handlers.helpers"]
    assert "daemon" not in {alias.name for one in helpers for alias in one.names}


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.mark.parametrize("test", OF_ONE)
def test_what_is_left_out_is_there(test):
    name, _, function = test.partition("::")
    assert name in SUITE
    tree = ast.parse((HERE / name).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, FUNCTIONS)}
