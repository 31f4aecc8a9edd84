"""What the package is built of: its scripts know every unit, and who cannot build it is told."""

import re
import shutil
import subprocess
import sys

import pytest

from tests.packages import ROOT

DEBIAN = ROOT / "packaging" / "debian"
UNITS = {path.name for path in (ROOT / "systemd").iterdir()}


def build(python, path, tmp_path):
    """Return what the builder says that cannot build; it must not succeed."""
    done = subprocess.run(
        [python, DEBIAN / "build.py", tmp_path / "drydockd-1-py3-none-any.whl", tmp_path],
        env={"PATH": str(path), "SOURCE_DATE_EPOCH": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_a_script_of_the_package_names_every_unit(script):
    words = set(re.findall(r"[\w-]+\.(?:service|socket|path|timer)", (DEBIAN / script).read_text()))
    assert words == UNITS


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_a_script_of_the_package_is_one_of_plain_sh_that_ends_with_the_first_mistake(script):
    text = (DEBIAN / script).read_text()
    assert text.startswith("#!/bin/sh\nset -e\n")
    subprocess.run(["/bin/sh", "-n", DEBIAN / script], check=True, timeout=60)


@pytest.mark.process
def test_without_dpkg_it_says_that_it_takes_a_debian(tmp_path):
    assert "dpkg-deb is missing" in build(sys.executable, tmp_path, tmp_path)


@pytest.mark.process
@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs Debian")
@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="needs a python of a venv")
def test_another_python_than_debians_is_refused(tmp_path):
    said = build(sys.executable, "/usr/bin:/bin", tmp_path)
    assert f"{sys.executable} is not Debian's python" in said
    assert "/usr/bin/python3" in said
