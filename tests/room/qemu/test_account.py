"""The boot action's program, against the daemon's own idea of a report."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drydockd.api.bootaction import BootActionReport
from drydockd.room.qemu import account
from drydockd.tasks.words.reports import (
    NOTHING,
    ReportDetail,
    check_action,
    check_sizes,
    size_bytes,
)
from drydockd.tasks.words.settings import ReportLimits


@pytest.mark.peer("ip")
def test_what_it_reports_is_a_report_as_the_api_takes_it():
    body = json.dumps(account.report())
    report = BootActionReport.model_validate_json(body)
    assert report.status == "success"
    told = {detail.extra["part"]: detail.extra["told"] for detail in report.details}
    assert told["cmdline"] == Path("/proc/cmdline").read_text()
    assert told["firmware"] in ("bios", "uefi")


def test_a_long_part_is_told_in_pieces_that_the_server_keeps(monkeypatch):
    text = '"\n' * 20_000
    monkeypatch.setattr(account, "PARTS", {"units": lambda: text, "failed": lambda: ""})
    report = BootActionReport.model_validate(account.report())
    details = [ReportDetail(one.message, one.error, one.extra) for one in report.details]
    check_sizes(details, ReportLimits())
    check_action(ReportLimits(), NOTHING, size_bytes(details))
    told = {}
    for detail in details:
        part = detail.extra["part"]
        told[part] = told.get(part, "") + detail.extra["told"]
    assert told == {"units": text, "failed": ""}


def a_bond(ports, *states):
    told = "".join(f"    port state: {state}\n" for state in states)
    members = "Slave Interface: enp0s9\nSlave Interface: enp0s10\n"
    return f"Bonding Mode: IEEE 802.3ad\n\tNumber of ports: {ports}\n{members}{told}"


def test_a_bond_is_told_when_the_switch_has_agreed_with_all_its_ports(monkeypatch):
    # Given what the kernel writes while the second port comes up
    agreed = a_bond(2, 63, 63, 63, 63)
    texts = [a_bond(1, 63, 63, 71, 0), a_bond(2, 63, 63, 63, 7), agreed, "later"]
    monkeypatch.setattr(account, "file", lambda path: texts.pop(0))
    monkeypatch.setattr(account.time, "sleep", lambda seconds: None)
    assert account.bond("/proc/net/bonding/bond0") == agreed


def test_a_bond_that_never_agrees_is_told_as_it_is_and_none_at_once(monkeypatch):
    monkeypatch.setattr(account, "BOND_SECONDS", -1.0)
    monkeypatch.setattr(account, "file", lambda path: a_bond(1, 63, 63, 71, 0))
    assert account.bond("/proc") == a_bond(1, 63, 63, 71, 0)
    monkeypatch.setattr(account, "BOND_SECONDS", 3600.0)
    missing = "/proc/net/bonding/bond0: No such file or directory"
    monkeypatch.setattr(account, "file", lambda path: missing)
    assert account.bond("/proc") == missing


def test_what_cannot_be_read_is_told_as_such():
    assert account.file("/no/such/file") == "/no/such/file: No such file or directory"


@pytest.mark.process
@pytest.mark.peer("ip")
def test_it_posts_with_its_key_and_tries_again_while_the_server_is_not_ready(http_peer):
    http_peer.answers = [503, 200]
    environment = {
        "BOOTACTION_URL": f"{http_peer.url}/api/v1.0/bootactions/",
        "BOOTACTION_ID": "01ABC",
        "BOOTACTION_KEY": "k3y",
    }
    program = Path(account.__file__)
    subprocess.run([sys.executable, program], env={**os.environ, **environment}, check=True)
    assert [path for path, _, _ in http_peer.asked] == ["/api/v1.0/bootactions/01ABC"] * 2
    assert http_peer.asked[1][1]["X-Bootaction-Key"] == "k3y"
    assert json.loads(http_peer.asked[1][2])["status"] == "success"


def test_a_refusal_is_not_repeated(http_peer):
    http_peer.answers = [403]
    with pytest.raises(OSError, match="403"):
        account.post(f"{http_peer.url}/x", "k3y", {})
    assert len(http_peer.asked) == 1
