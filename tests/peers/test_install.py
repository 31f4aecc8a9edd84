"""``python -m tests.peers``: which real parts it brings."""

import subprocess

import pytest

from tests.peers import __main__ as peers
from tests.peers.table import PEERS, Peer


@pytest.fixture
def brought(monkeypatch):
    """Names of what was installed; two parts are missing."""
    names = []
    for name in ("nowhere", "elsewhere"):
        part = Peer(name, starts="never", packages=(f"{name}-pkg",), programs=("no-such-program",))
        monkeypatch.setitem(PEERS, name, part)
    monkeypatch.setattr(peers, "install", lambda peer: names.append(peer.name))
    return names


def test_named_parts_are_brought_and_no_others(brought):
    assert peers.main(["install", "elsewhere"]) == 0
    assert brought == ["elsewhere"]


def test_without_names_all_that_is_missing_is_brought(brought):
    assert peers.main(["install"]) == 0
    assert {"nowhere", "elsewhere"} <= {*brought}


def test_a_name_of_no_part_is_an_error_that_names_those_there_are(brought, capsys):
    assert peers.main(["install", "netbot"]) == 2
    assert "no real part netbot; there are keystone, " in capsys.readouterr().err
    assert brought == []


SERVER = Peer("server", starts="never", packages=("server-pkg",), programs=("no-such-program",))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with systemd whose package brings a unit; the commands that were run on it."""
    units, commands = tmp_path / "units", []
    units.mkdir()
    (units / "ssh.service").touch()  # was there before

    def run(command, **options):
        commands.append(command)
        if "install" in command:
            (units / "web.service").touch()
            (units / "web.target").touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(peers, "UNITS", (units, tmp_path / "none"))
    monkeypatch.setattr(peers, "as_root", lambda: ("sudo", "-n"))
    monkeypatch.setattr(peers.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(peers.subprocess, "run", run)
    return commands


def test_what_a_package_would_start_is_not_started_nor_left_to_start(machine):
    assert peers.install_packages(SERVER) is None
    assert [command[:4] for command in machine] == [["sudo", "-n", "env", "SYSTEMD_OFFLINE=1"]] * 2
    assert machine[0][-1] == "server-pkg"
    assert machine[1][4:] == ["systemctl", "disable", "-q", "web.service"]


def test_what_was_there_before_goes_on_as_it_was(machine, monkeypatch):
    monkeypatch.setattr(peers, "services", lambda: {"ssh.service"})
    assert peers.install_packages(SERVER) is None
    assert [command[-1] for command in machine] == ["server-pkg"]
