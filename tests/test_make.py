"""The first command a stranger types, on a machine that lacks something."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("make") is None, reason="needs make"),
]


@pytest.fixture
def make(tmp_path):
    """Return a function that runs make in a folder with nothing but what it needs first."""
    for name in ("Makefile", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("run.txt", "test.txt"):
        (tmp_path / "requirements" / name).touch()

    def make(*arguments, **environ):
        return subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environ},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return make


@pytest.fixture
def debian(tmp_path):
    """As in a Debian without python3-venv: `venv` is there, and the module that it needs is not."""
    folder = tmp_path / "lacks"
    folder.mkdir()
    (folder / "ensurepip.py").write_text("raise ImportError('No module named ensurepip')\n")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("target", ["run", "test"])
def test_a_missing_venv_module_is_said_with_the_command_and_leaves_nothing(
    make, debian, tmp_path, target
):
    done = make(target, **debian)
    assert done.returncode != 0
    assert "python3 has no venv module; run: sudo apt-get install python3-venv\n" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_what_an_earlier_attempt_left_is_no_venv(make, debian, tmp_path):
    # Given what `python3 -m venv` leaves when it fails
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "pyvenv.cfg").touch()
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/usr/bin/false")
    # When the package is still missing, it is said; when it is there, the venv is made anew.
    assert "apt-get install python3-venv" in make("run", **debian).stderr
    assert not (tmp_path / ".venv").exists()
    done = make(".venv/bin/pip")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".venv" / "bin" / "pip").exists()


def test_a_venv_that_cannot_be_made_is_removed(make, tmp_path):
    broken = tmp_path / "python3"
    broken.write_text(
        '#!/bin/sh\n[ "$1 $2" = "-m venv" ] || exit 0\n'
        'mkdir -p "$3/bin"; touch "$3/pyvenv.cfg" "$3/bin/python"; exit 1\n'
    )
    broken.chmod(0o755)
    assert make("run", f"PYTHON={broken}").returncode != 0
    assert not (tmp_path / ".venv").exists()


def test_a_missing_or_old_python_is_said(make, tmp_path):
    done = make("run", "PYTHON=python3.99")
    assert "run: sudo apt-get install python3.99 python3.99-venv" in done.stderr
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert "Python 3.11 or newer is needed" in make("run", f"PYTHON={old}").stderr


@pytest.mark.parametrize("target", ["qemu", "qemu-core"])
def test_machines_of_qemu_without_root_are_refused_and_not_left_out(make, tmp_path, target):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "id").write_text("#!/bin/sh\necho 1000\n")
    (programs / "id").chmod(0o755)
    done = make(target, PATH=f"{programs}:{os.environ['PATH']}")
    assert done.returncode != 0
    assert f"bridges, taps and DHCP need root: sudo make {target}\n" in done.stderr
    assert not (tmp_path / ".venv").exists()
