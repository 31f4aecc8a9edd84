"""One machine for real behind a Redfish BMC: from power off to deployed, then wiped and off.

What the installed system is made of is held against its design in `test_qemu`; here it is the
power and the boot device.
"""

import pytest

from drydockd.room.qemu.machine import DISK_GIB
from drydockd.room.qemu.room import MACHINES
from tests.daemon.qemulab import Lab, a_folder, assert_in_order, destroyed, is_empty, marks, said_of

pytestmark = marks()
NAME = "q01-bios"


@pytest.fixture(scope="module")
def lab():
    with a_folder() as folder:
        running = Lab(folder, "qemu:1", "redfish")
        yield running
        running.stop()


@pytest.fixture(scope="module")
def api(lab):
    with lab.api(lab.serves()) as client:
        yield client


def test_a_machine_is_deployed_with_its_power_and_boot_device_by_redfish(lab, api):
    (node,) = api.get("/nodes").json()
    assert (node["hostname"], node["status_name"]) == (NAME, "Deployed")
    assert "type: redfish" in (lab.folder / "site.yaml").read_text()
    assert_in_order(said_of(api, NAME))


def test_destroyed_it_is_off_its_disks_empty_and_forgotten(lab, api):
    task = destroyed(lab, api)
    assert (task["result"]["status"], task["result"]["failures"]) == ("success", [])
    assert api.get("/nodes").json() == []
    assert lab.is_off(NAME)
    for index, gib in enumerate(DISK_GIB):
        assert is_empty(lab.folder / MACHINES / NAME / f"disk{index}.qcow2", gib, lab.folder)
