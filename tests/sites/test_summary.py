"""The plugin as pytest runs it: in a process of its own, on a suite of two tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]

SUITE = """\
import pytest
from tests.sites.folder import on_sites

@pytest.mark.parametrize("name", on_sites())
def test_a_site(name):
    assert name

def test_another():
    pass
"""


@pytest.fixture
def suite(tmp_path):
    file = tmp_path / "test_suite.py"
    file.write_text(SUITE)
    return file


@pytest.fixture
def sites(tmp_path):
    for name in ("north", "south"):
        (tmp_path / "sites" / name).mkdir(parents=True)
        (tmp_path / "sites" / name / "site.yaml").touch()
    return tmp_path / "sites"


def run(suite, sites, *options):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.sites.summary",
        "-p",
        "no:cacheprovider",
    ]
    command += ["--rootdir", ROOT, "-c", ROOT / "pyproject.toml", "--noconftest", suite, *options]
    environ = {**os.environ, "DRYDOCKD_SITES": str(sites), "PYTHONPATH": str(ROOT)}
    environ.pop("PYTEST_ADDOPTS", None)  # for those who run this, not for what it runs
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "spread"])
def test_the_last_lines_say_on_how_many_designs_answers_were_compared(suite, sites, workers):
    if workers:
        pytest.importorskip("xdist")
    done = run(suite, sites, *workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert "compared with the original's answers on 2 designs" in done.stdout


def test_a_run_that_leaves_them_out_says_so(suite, sites):
    done = run(suite, sites, "-m", "not sites")
    assert done.returncode == 0
    assert "none of the 2 designs given was compared in this run" in done.stdout


def test_the_mark_selects_them(suite, sites):
    done = run(suite, sites, "-m", "sites", "-k", "north")
    assert "1 passed" in done.stdout
    assert "on 1 design\n" in done.stdout


def test_without_a_folder_nothing_fails_and_the_line_says_what_would_be_needed(suite):
    done = run(suite, "")
    assert done.returncode == 0
    assert "1 passed, 1 skipped" in done.stdout
    assert "not compared, no folder of designs given (DRYDOCKD_SITES)" in done.stdout


def test_a_folder_that_holds_no_site_is_refused_at_once(suite, tmp_path):
    done = run(suite, tmp_path / "nowhere")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"DRYDOCKD_SITES={tmp_path}/nowhere" in done.stderr
    assert "passed" not in done.stdout
