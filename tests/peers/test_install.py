"""``python -m tests.peers``: which real parts it brings."""

import subprocess
import threading

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


def test_what_needs_no_package_of_debian_does_not_wait_for_those_that_do(brought, monkeypatch):
    library = Peer("library", starts="never", is_python=True)
    is_brought = threading.Event()

    def install(peer):
        if peer is library:
            is_brought.set()
        elif not is_brought.wait(20):
            return "waited in vain"
        return None

    monkeypatch.setattr(peers, "install", install)
    peers.install_all([PEERS["nowhere"], PEERS["elsewhere"], library])
    assert is_brought.is_set()


def test_what_could_not_be_had_is_named_and_the_others_come(monkeypatch, brought, capsys):
    def install(peer):
        brought.append(peer.name)
        return "no such package"

    monkeypatch.setattr(peers, "install", install)
    assert peers.main(["install", "nowhere", "elsewhere"]) == 0
    assert brought == ["nowhere", "elsewhere"]
    assert "nowhere: no such package" in capsys.readouterr().out


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
