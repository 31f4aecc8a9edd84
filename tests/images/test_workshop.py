"""The folder that builds work in, however they end."""

import fcntl
import os
import subprocess
import sys

import pytest

from drydockd.errors import Unavailable
from drydockd.images import workshop as module
from drydockd.images.workshop import PREFIX, missing, mounts_below, require, workshop


def test_all_that_is_missing_is_named_with_what_brings_it():
    needs = {"no-such-program": "some-package", "sh": "dash", "nor-this": "other"}
    assert missing(needs) == {"no-such-program": "some-package", "nor-this": "other"}
    with pytest.raises(
        Unavailable, match=r"a build needs no-such-program, nor-this; run: apt-get "
    ):
        require(needs, "a build")


def test_without_root_it_says_so_before_it_begins(monkeypatch):
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match=r"a build needs root: .* sudo"):
        require({"sh": "dash"}, "a build")


def test_nothing_is_left_whether_it_ends_well_or_not(tmp_path):
    with workshop(tmp_path / "images", lambda line: None) as shop:
        (shop.place / "root").mkdir()
    with pytest.raises(Unavailable), workshop(tmp_path / "images", lambda line: None) as shop:
        shop.run("false")
    assert not list((tmp_path / "images").glob(f"{PREFIX}*"))


def test_what_a_program_says_is_heard_and_told_when_it_fails(tmp_path):
    heard = []
    with workshop(tmp_path, heard.append) as shop:
        with pytest.raises(Unavailable, match="sh: exit status 3:\nno luck"):
            shop.run("sh", "-c", "echo no luck >&2; exit 3")
        with pytest.raises(Unavailable, match="no-such-program: No such file"):
            shop.run("no-such-program")
    assert heard == ["no luck"]


def test_a_program_does_not_outlive_an_interrupt(tmp_path):
    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), workshop(tmp_path, interrupt) as shop:
        shop.run("sh", "-c", "echo begun; exec cat /dev/zero")
    assert not list(tmp_path.glob(f"{PREFIX}*"))


def test_two_at_once_leave_each_other_alone(tmp_path):
    with workshop(tmp_path, print) as one, workshop(tmp_path, print) as two:
        assert one.place != two.place
        assert one.place.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from drydockd.images.workshop import workshop
def say(line):
    os.kill(os.getpid(), signal.SIGKILL)
with workshop(Path(sys.argv[1]), say) as shop:
    shop.run("sh", "-c", "echo $$ > ../../pid; echo begun; exec sleep 600", cwd=shop.place)
"""


@pytest.mark.process
def test_what_a_killed_build_left_goes_once_its_programs_have_ended(tmp_path):
    folder = tmp_path / "images"
    subprocess.run([sys.executable, "-c", KILLED, folder], check=False, timeout=60)
    (left,) = folder.glob(f"{PREFIX}*")
    with workshop(folder, print):
        assert left.exists()  # its program still works there
    program = int((tmp_path / "pid").read_text())
    held = os.open(left / module.HELD, os.O_RDWR)
    os.kill(program, 9)
    fcntl.flock(held, fcntl.LOCK_EX)  # waits for the end of the program
    os.close(held)
    heard = []
    with workshop(folder, heard.append):
        assert not left.exists()
    assert "left by a build that was killed" in heard[0]


def test_mounts_are_seen_by_their_place():
    assert "/proc" in mounts_below(module.Path("/"))
    assert mounts_below(module.Path("/proc/self/nowhere")) == []


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_what_a_killed_build_had_mounted_is_unmounted_before_its_folder_goes(tmp_path):
    folder, elsewhere = tmp_path / "images", tmp_path / "elsewhere"
    (elsewhere / "precious").mkdir(parents=True)
    point = folder / f"{PREFIX}dead/root/dev"
    point.mkdir(parents=True)
    subprocess.run(["mount", "--bind", elsewhere, point], check=True)
    try:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point / "precious"], check=True)
        with workshop(folder, print):
            assert not list(folder.glob(f"{PREFIX}dead"))
    finally:
        for left in reversed(mounts_below(folder)):
            subprocess.run(["umount", left], check=True)
    assert (elsewhere / "precious").is_dir()
