import os
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from drydockd.cli import lab_run, lab_stage
from drydockd.cli.lab_run import _settings
from drydockd.cli.lab_stage import LabTrouble, check_host, image_folder, listening, pretend_stage
from drydockd.errors import Unavailable
from drydockd.room.qemu import host
from drydockd.room.qemu.machine import Firmware, VirtualMachine
from drydockd.room.qemu.room import QemuRoom
from drydockd.room.qemu.wires import Plan
from tests.cli.designs import drydock


def a_room(folder):
    plan = Plan(3)
    machines = tuple(
        VirtualMachine(number, firmware, folder / f"{number:02}", plan.tap(number))
        for number, firmware in ((1, Firmware.BIOS), (2, Firmware.UEFI))
    )
    return QemuRoom(folder, plan, machines, (), "s3cret")


def test_pretend_machines_get_the_room_file_and_an_impatient_daemon(tmp_path):
    stage = pretend_stage(tmp_path / "site.yaml", tmp_path / "room.yaml")
    settings = _settings(tmp_path, "http://127.0.0.1:9000", stage)
    assert settings.drivers["fake_driver"] == {"config": str(tmp_path / "room.yaml")}
    assert settings.plugins.node_driver == "fake"
    assert stage.addresses == ()


def test_a_qemu_lab_is_a_daemon_with_netboot_and_ipmi_and_a_site_of_its_own(tmp_path):
    stage = lab_stage._qemu_stage(tmp_path, a_room(tmp_path), tmp_path / "images", "a", "i", 9000)
    settings = _settings(tmp_path, "http://127.0.0.1:9000", stage)
    assert (settings.plugins.node_driver, settings.plugins.oob_driver) == ("netboot", ("ipmi",))
    # Boot data on the network machines boot from, reports on that of the installed systems.
    assert settings.api.public_url == "http://10.221.3.1:9000"
    assert settings.bootactions.report_url == "http://10.222.3.1:9000/api/v1.0/bootactions/"
    netboot = settings.drivers["netboot_driver"]
    assert (netboot["base_url"], netboot["report_url"]) == (
        "http://10.221.3.1:9103", "https://10.222.3.1:9503",
    )  # fmt: skip
    assert stage.addresses == ("10.221.3.1", "10.222.3.1")
    # The API itself stays on loopback.
    assert settings.api.listen == "127.0.0.1:9000"
    assert stage.site.stat().st_mode & 0o077 == 0
    assert settings.network.allowed_roots == (tmp_path,)


def test_the_bmcs_of_a_qemu_lab_may_speak_redfish(tmp_path):
    room = replace(a_room(tmp_path), oob_type="redfish")
    stage = lab_stage._qemu_stage(tmp_path, room, tmp_path / "images", "a", "i", 9000)
    settings = _settings(tmp_path, "http://127.0.0.1:9000", stage)
    assert settings.plugins.oob_driver == ("redfish",)
    assert settings.drivers["redfish_driver"] == {"use_ssl": False, "port": 8000}
    assert "type: redfish" in stage.site.read_text()


def test_what_the_host_lacks_is_said_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "lacking", lambda more: ["apt-get install ovmf", "root"])
    with pytest.raises(LabTrouble, match="need: apt-get install ovmf; root"):
        check_host(2, tmp_path)


def test_a_sentence_says_what_is_to_come(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "lacking", lambda more: [])
    (tmp_path / "images").mkdir()
    said = check_host(2, tmp_path / "images")
    assert "builds the agent and the image debian-12 from Debian packages" in said
    assert "2 machines" in said


async def test_agent_and_image_are_built_at_once_each_with_its_lines_in_the_log(
    tmp_path, monkeypatch
):
    both = threading.Barrier(2, timeout=60)

    def provide(folder, recipe, say):
        say("begun")
        both.wait()
        say("done")
        return f"{recipe.name}-1"

    monkeypatch.setattr(lab_stage.cache, "provide_agent", provide)
    monkeypatch.setattr(lab_stage.cache, "provide_image", provide)
    log = tmp_path / "images.log"
    assert await lab_stage._images(tmp_path, log) == ("agent-1", "debian-12-1")
    said = log.read_text().splitlines()
    assert sorted(said[:2]) == ["agent: begun", "debian-12: begun"]
    assert sorted(said[2:]) == ["agent: done", "debian-12: done"]


async def test_of_two_builds_the_error_of_one_is_told_when_the_other_has_ended(
    tmp_path, monkeypatch
):
    begun, failed, ended = threading.Event(), threading.Event(), []

    def fail(folder, recipe, say):
        assert begun.wait(60)
        failed.set()
        raise Unavailable("mmdebstrap: exit status 1")

    def build(folder, recipe, say):
        begun.set()
        assert failed.wait(60)
        ended.append(recipe.name)
        return recipe.name

    monkeypatch.setattr(lab_stage.cache, "provide_agent", fail)
    monkeypatch.setattr(lab_stage.cache, "provide_image", build)
    with pytest.raises(Unavailable, match="exit status 1"):
        await lab_stage._images(tmp_path, tmp_path / "images.log")
    assert ended == ["debian-12"]


def test_images_are_kept_in_the_users_cache(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert image_folder() == Path("/cache/drydockd/images")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert image_folder() == Path("/home/me/.cache/drydockd/images")


def test_a_port_that_is_taken_is_an_error_with_nothing_left_open():
    with (
        listening("127.0.0.1", 0) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        listening("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("machines", ["qemu:0", "qemu:33", "qemu:x", "kvm", "room:2", ""])
def test_machines_that_are_none_are_refused_with_those_there_are(machines):
    done = drydock("lab", "--machines", machines)
    assert done.exit_code == 2
    assert "say room, qemu or qemu:N" in done.stderr


def test_machines_of_qemu_have_a_site_of_their_own(tmp_path):
    site = tmp_path / "site.yaml"
    site.touch()
    done = drydock("lab", "--machines", "qemu", "--site", str(site))
    assert done.exit_code == 2
    assert "site of its own" in done.stderr


def test_the_firmware_asked_for_is_that_of_all_machines(tmp_path, monkeypatch):
    asked = []

    @asynccontextmanager
    async def qemu_room(folder, machines, oob_type, firmware):
        asked.append((machines, oob_type, firmware))
        yield replace(a_room(tmp_path), oob_type=oob_type)

    async def images(folder, log):
        return "agent-1", "image-1"

    monkeypatch.setattr(lab_run, "check_host", lambda machines, images: "")
    monkeypatch.setattr(lab_stage, "_images", images)
    monkeypatch.setattr(lab_stage, "qemu_room", qemu_room)
    # Addresses of the lab's bridge, which is not there: it ends before anything is deployed.
    words = ["--machines", "qemu:1", "--firmware", "uefi", "--state-dir", str(tmp_path / "lab")]
    done = drydock("lab", *words, "--port", "0")
    assert done.exit_code == 2
    assert "cannot listen" in done.stderr
    assert asked == [(1, "ipmi", Firmware.UEFI)]


@pytest.mark.process
def test_without_its_parts_the_command_ends_at_once_and_says_what_to_install(tmp_path):

    done = subprocess.run(
        [sys.executable, "-m", "drydockd.cli", "lab", "--machines", "qemu", "--once"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": "/nowhere", "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.returncode == 2
    assert "apt-get install qemu-system-x86 " in done.stderr
