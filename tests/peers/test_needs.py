"""What the end of a test run says about real parts that are missing."""

import pytest

from tests.peers.table import PEERS, Peer

NOWHERE = Peer("nowhere", starts="never", packages=("nowhere-pkg",), programs=("no-such-program",))
TESTS = """
import pytest
pytest_plugins = ["tests.peers.needs"]

@pytest.mark.peer("nowhere")
def test_with_a_mark(): assert False

@pytest.fixture
def nowhere_server(): assert False

def test_with_a_fixture(nowhere_server): assert False

def test_without(): pass
"""


@pytest.fixture
def run(pytester, monkeypatch):
    monkeypatch.setitem(
        PEERS, "nowhere", Peer(**{**vars(NOWHERE), "fixtures": frozenset({"nowhere_server"})})
    )
    pytester.makepyfile(conftest=TESTS.partition("\n\n")[0], test_some=TESTS)

    def with_ci(value, *arguments):
        monkeypatch.setenv("CI", value)
        options = ("-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider")
        return pytester.runpytest_inprocess(*options, *arguments)

    return with_ci


def test_tests_of_a_missing_part_are_left_out_and_the_end_says_how_they_would_run(run):
    result = run("")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(
        ["2 tests were left out, they need nowhere; run: sudo apt-get install nowhere-pkg"]
    )


def test_in_ci_a_missing_part_is_a_failure(run):
    result = run("true")
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*nowhere is missing; run: sudo apt-get install nowhere-pkg*"])


def test_tests_of_a_part_can_be_chosen_by_its_mark_whether_they_have_it_or_only_its_fixture(run):
    run("", "-m", "not peer").assert_outcomes(passed=1, deselected=2)


def test_every_environment_of_a_part_has_its_lock():
    assert [p.name for p in PEERS.values() if p.is_python and not p.lock.is_file()] == []
