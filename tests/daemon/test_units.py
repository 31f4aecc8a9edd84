"""The shipped units, judged by systemd itself."""

import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
needs_systemd = pytest.mark.peer("systemd")


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60
    )


@needs_systemd
def test_systemd_finds_nothing_to_say_about_the_units():
    done = analyze("verify", str(UNITS / "drydockd.service"), str(UNITS / "drydockd.socket"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_the_service_is_hardly_exposed():
    done = analyze("security", "--offline=true", "--threshold=15", str(UNITS / "drydockd.service"))
    assert done.returncode == 0, done.stdout[-300:]


def test_the_service_is_notified_watched_and_reloaded():
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNITS / "drydockd.service")
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert service["WatchdogSec"]
    assert service["ExecStartPre"].endswith(" --check")
    assert service["ExecReload"] == "/usr/bin/env drydockd --reload"
    assert service["SyslogIdentifier"] == "drydockd"
    assert unit["Unit"]["StartLimitBurst"]
    assert unit["Unit"]["StartLimitIntervalSec"]
    assert service["RestartPreventExitStatus"] == "2"
    assert service["CapabilityBoundingSet"] == ""
    assert "#LoadCredential=" in (UNITS / "drydockd.service").read_text()
