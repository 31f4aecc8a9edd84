"""Two runs, of which the second makes up for what the first one left out."""

import pytest

TESTS = """
import pytest

def test_passed(): pass

@pytest.mark.parametrize("name", ["a", "b c"])
@pytest.mark.skipif("not config.getoption('--make-up-for')", reason="only in the second run")
def test_left_out(name): pass

@pytest.mark.process
def test_of_a_process(): pass
"""


@pytest.fixture
def run(pytester):
    pytester.makepyfile(
        conftest='pytest_plugins = ["tests.peers.leftout"]\n'
        "def pytest_configure(config): config.addinivalue_line('markers', 'process')\n",
        test_some=TESTS,
    )

    def run(*arguments):
        options = ("-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider")
        return pytester.runpytest_inprocess(*options, *arguments)

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_the_second_run_takes_what_was_skipped_and_what_depends_on_the_machine(run, workers):
    run("--note-left-out=left-out", *workers).assert_outcomes(passed=2, skipped=2)
    second = run("--make-up-for=left-out", "-v", *workers)
    second.assert_outcomes(passed=3)
    assert "test_passed" not in second.stdout.str()


def test_a_run_without_a_file_takes_all(run):
    run().assert_outcomes(passed=2, skipped=2)
