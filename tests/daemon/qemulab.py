"""What tests on QEMU's machines share: when they run, the lab's command at work, and its words."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from drydockd.cli.lab_stage import image_folder
from drydockd.room.qemu.room import MACHINES

DEPLOY_SECONDS = 5400
DESTROY_SECONDS = 1800


def marks(*, asked=None, how="make qemu"):
    """Return what a module sets as its `pytestmark`: minutes under emulation, if asked for.

    `asked`: whether it is to run at all, None: by `make qemu`; `how` one asks for it. Asked for, it
    says what it lacks and fails: root, a tap, /sys.
    """
    asked = os.environ.get("DRYDOCKD_QEMU") == "1" if asked is None else asked
    return [
        pytest.mark.slow,
        pytest.mark.process,
        pytest.mark.peer("netboot"),
        pytest.mark.skipif(not asked, reason=f"minutes under emulation: {how}"),
    ]


def images():
    """Agent and system stay from one run to the next, whatever HOME is for tests."""
    return Path(os.environ.get("DRYDOCKD_LAB_IMAGES") or image_folder())


@contextmanager
def a_folder():
    """One for a lab: there are sockets in it, which want a short path."""
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        yield Path(name)


class Lab:
    """The command, at work in `folder`; `api` once it serves."""

    def __init__(self, folder, machines="qemu:2", bmc="ipmi"):
        self.folder = folder
        command = [sys.executable, "-m", "drydockd.cli", "lab", "--machines", machines, "--plain"]
        command += ["--bmc", bmc]
        command += ["--port", "0", "--state-dir", str(folder)]
        command += ["--images", str(images())]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}
        )
        self.said = []

    def serves(self):
        """Read what it says until it serves, everything deployed; return the URL."""
        limit = threading.Timer(DEPLOY_SECONDS, self.process.send_signal, [signal.SIGINT])
        limit.start()
        try:
            for line in self.process.stdout:
                self.said.append(line)
                if found := re.match(r"drydockd serves (\S+);", line):
                    return found[1]
        finally:
            limit.cancel()
        pytest.fail("".join(self.said))

    def api(self, url):
        token = (self.folder / "token").read_text()
        return httpx.Client(base_url=f"{url}/api/v1.0", headers={"X-Auth-Token": token}, timeout=60)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(120)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def is_off(self, name):
        """Whether the machine's QEMU has ended."""
        pid_file = self.folder / MACHINES / name / "pid"
        pid = pid_file.read_text().strip() if pid_file.exists() else "none"
        status = Path(f"/proc/{pid}/status")
        return not status.exists() or "State:\tZ" in status.read_text()


def ended(api, task_id):
    until = time.monotonic() + DESTROY_SECONDS
    while time.monotonic() < until:
        task = api.get(f"/tasks/{task_id}").json()
        if task["status"] in ("complete", "terminated"):
            return task
        # An event stream would do; this one is not what is tested.
        time.sleep(2)
    pytest.fail(f"task {task_id} does not end")


def destroyed(lab, api):
    """Destroy all nodes; return the task at its end."""
    design = f"file://{lab.folder / 'site.yaml'}"
    body = {"action": "destroy_nodes", "design_ref": design, "all_nodes": True}
    task_id = api.post("/tasks", json=body).raise_for_status().json()["task_id"]
    return ended(api, task_id)


def said_of(api, name):
    """What was said in the task that deployed a node."""
    (task_id,) = {
        row["task_id"] for row in api.get("/bootactions").json() if row["node_name"] == name
    }
    task = api.get(f"/tasks/{task_id}").json()
    return [message["message"] for message in task["result"]["details"]["messageList"]]


# A machine that stands still is told to be off already.
POWER_CYCLE = ("network boot", "power is (already )?off", "power is on", "power is (already )?off",
               "disk boot", "power is on", "starts from disk")  # fmt: skip


def assert_in_order(said, patterns=POWER_CYCLE):
    left = iter(said)
    for pattern in patterns:
        assert any(re.search(pattern, one) for one in left), (pattern, said)


def is_empty(disk, gib, folder):
    """Whether every byte of it reads as zero."""
    empty = folder / "empty.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", empty, f"{gib}G"], check=True)
    done = subprocess.run(["qemu-img", "compare", disk, empty], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0
