"""One machine for real behind a Redfish BMC: from power off to deployed, then wiped and off.

What the installed system is made of is held against its design in `test_qemu`; here it is the
power and the boot device.
"""

import os
import tempfile
from pathlib import Path

import pytest

from drydockd.room.qemu.room import MACHINES
from tests.daemon.test_qemu import Lab, ended

pytestmark = [
    pytest.mark.slow,
    pytest.mark.process,
    pytest.mark.peer("netboot"),
    pytest.mark.skipif(os.geteuid() != 0, reason="bridges, taps and DHCP need root"),
    pytest.mark.skipif(
        os.environ.get("DRYDOCKD_QEMU") != "1", reason="minutes under emulation: make qemu"
    ),
    pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no bridges without /sys"),
]
NAME = "q01-bios"


@pytest.fixture(scope="module")
def lab():
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        running = Lab(Path(name), "qemu:1", "redfish")
        yield running
        running.stop()


@pytest.fixture(scope="module")
def api(lab):
    with lab.api(lab.serves()) as client:
        yield client


def messages(api):
    (row,) = api.get("/bootactions").json()
    task = api.get(f"/tasks/{row['task_id']}").json()
    return [message["message"] for message in task["result"]["details"]["messageList"]]


def test_a_machine_is_deployed_with_its_power_and_boot_device_by_redfish(lab, api):
    (node,) = api.get("/nodes").json()
    assert (node["hostname"], node["status_name"]) == (NAME, "Deployed")
    assert "type: redfish" in (lab.folder / "site.yaml").read_text()
    wanted = ["network boot", "power is off", "power is on", "power is off", "disk boot"]
    wanted += ["power is on", "starts from disk"]
    said = messages(api)
    left = iter(said)
    for text in wanted:
        assert any(text in one for one in left), (text, said)


def test_destroyed_it_is_off_and_forgotten(lab, api):
    design = f"file://{lab.folder / 'site.yaml'}"
    body = {"action": "destroy_nodes", "design_ref": design, "all_nodes": True}
    task_id = api.post("/tasks", json=body).raise_for_status().json()["task_id"]
    task = ended(api, task_id)
    assert (task["result"]["status"], task["result"]["failures"]) == ("success", [])
    assert api.get("/nodes").json() == []
    pid = (lab.folder / MACHINES / NAME / "pid").read_text().strip()
    status = Path(f"/proc/{pid}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()
