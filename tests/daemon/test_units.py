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
    done = analyze("verify", *sorted(str(unit) for unit in UNITS.iterdir()))
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


def section(name, part):
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNITS / name)
    return unit[part]


@needs_systemd
def test_the_dhcp_server_is_hardly_exposed():
    unit = str(UNITS / "drydockd-dnsmasq.service")
    done = analyze("security", "--offline=true", "--threshold=22", unit)
    assert done.returncode == 0, done.stdout[-300:]


def test_the_dhcp_server_has_three_capabilities_and_the_daemon_none():
    service = section("drydockd-dnsmasq.service", "Service")
    three = "CAP_NET_ADMIN CAP_NET_RAW CAP_NET_BIND_SERVICE"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == three
    assert service["User"] == section("drydockd.service", "Service")["User"]
    assert section("drydockd.service", "Service")["AmbientCapabilities"] == ""


def test_the_dhcp_server_follows_the_files_that_the_driver_writes():
    from drydockd.drivers.node.netboot.dnsmasq import UNIT, Dnsmasq
    from drydockd.drivers.node.netboot.options import NetbootOptions

    written = Dnsmasq(NetbootOptions(base_url="http://x").state, "http://x", is_child=False)
    text = (UNITS / "drydockd-dnsmasq.path").read_text()
    assert f"PathChanged={written.conf}\n" in text
    assert f"PathChanged={written.released}\n" in text
    unit = (UNITS / UNIT).read_text()
    assert f"ExecStartPre=/bin/cp {written.conf} {written.running}\n" in unit
    assert f"--conf-file={written.running}\n" in unit
    restart = section(section("drydockd-dnsmasq.path", "Path")["Unit"], "Service")
    assert restart["ExecStart"].endswith(f"systemctl --no-block restart {UNIT}")


def test_the_daemon_may_ask_the_kernel_for_its_interfaces():
    # `ip -json address` of the netboot driver
    families = section("drydockd.service", "Service")["RestrictAddressFamilies"]
    assert "AF_NETLINK" in families.split()
