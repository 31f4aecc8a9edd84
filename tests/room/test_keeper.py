"""Whatever ends a lab, its processes and folders end with it."""

import fcntl
import os
import resource
import select
import signal
import subprocess
import sys

import pytest

from drydockd.room.keeper import Duty, keeping

pytestmark = pytest.mark.process

WAITS = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
# A lab in small: it starts something that has a child, tells its keeper, and waits.
LAB = """
import pathlib, signal, subprocess, sys
from drydockd.room.keeper import keeping
child = "import signal; print(1, flush=True); signal.pause()"
parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
with keeping() as keeper:
    keeper.remove(pathlib.Path(sys.argv[1]))
    process = subprocess.Popen([sys.executable, "-c", parent], start_new_session=True)
    keeper.end(process.pid, signal.SIGKILL)
    print(process.pid, flush=True)
    signal.pause()
"""


def ended(handle):
    poll = select.poll()  # a number may be too large for select
    poll.register(handle, select.POLLIN)
    ready = poll.poll(30_000)
    os.close(handle)
    return bool(ready)


def test_kill_9_of_a_lab_ends_what_it_started_and_removes_its_folder(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "file").touch()
    # The pipe ends when nobody that was started has it any more: lab, child, grandchild, keeper.
    with subprocess.Popen(
        [sys.executable, "-c", LAB, str(folder)], stdout=subprocess.PIPE, text=True
    ) as lab:
        assert {len(lab.stdout.readline()) > 2, len(lab.stdout.readline()) > 2} == {True, False}
        lab.kill()
        assert lab.stdout.read() == ""
    assert not folder.exists()


def test_the_orderly_end_waits_for_the_keeper(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    with (
        subprocess.Popen(WAITS, stdout=subprocess.PIPE, start_new_session=True) as one,
        subprocess.Popen(WAITS, stdout=subprocess.PIPE) as other,
        subprocess.Popen(WAITS, stdout=subprocess.PIPE) as named,
    ):
        with keeping() as keeper:
            keeper.remove(folder)
            keeper.end_named(folder / "absent", signal.SIGTERM)
            keeper.end_named(folder / "pid", signal.SIGQUIT)
            (folder / "pid").write_text(f"{named.pid}\nmore\n")
            keeper.end(one.pid, signal.SIGTERM)
            keeper.end(other.pid, signal.SIGTERM, is_group=False)
        assert (one.wait(20), other.wait(20)) == (-signal.SIGTERM, -signal.SIGTERM)
        assert named.wait(20) == -signal.SIGQUIT
    assert not folder.exists()


def test_a_number_that_is_another_processs_by_now_is_left_alone():
    told = []

    class Watched(Duty):
        def _signal(self, *what):
            told.append(what)

    duty = Watched()
    with subprocess.Popen(WAITS, stdout=subprocess.PIPE, start_new_session=True) as one:
        duty.hear(b'{"pid": %d, "number": 9, "is_group": true}' % one.pid)
        one.kill()
    duty.do()
    assert told == []


def test_handles_may_have_any_number(monkeypatch):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    pidfd_open = os.pidfd_open

    def far(pid):
        handle = pidfd_open(pid)
        moved = fcntl.fcntl(handle, fcntl.F_DUPFD_CLOEXEC, 2000)
        os.close(handle)
        return moved

    monkeypatch.setattr(os, "pidfd_open", far)
    try:
        duty = Duty()
        with subprocess.Popen(WAITS, stdout=subprocess.PIPE, start_new_session=True) as one:
            duty.hear(b'{"pid": %d, "number": 9, "is_group": true}' % one.pid)
            duty.do()
            assert one.wait(20) == -signal.SIGKILL
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
