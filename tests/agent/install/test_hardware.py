"""What the machine tells of itself: sysfs and DMI made here, and the machine of the tests."""

import json
from pathlib import Path

import pytest

from drydockd.agent.install import hardware
from drydockd.drivers.node.netboot.messages import InventoryReport
from tests.agent.install.rig import Recorder


@pytest.fixture
def sysfs(tmp_path):
    nic = tmp_path / "devices/pci/0000:00:03.0"
    nic.mkdir(parents=True)
    for name in ("ens3", "lo"):
        (tmp_path / "class/net" / name).mkdir(parents=True)
    entry = tmp_path / "class/net/ens3"
    (entry / "device").symlink_to(nic)
    (tmp_path / "drivers/virtio_net").mkdir(parents=True)
    (nic / "driver").symlink_to(tmp_path / "drivers/virtio_net")
    (entry / "address").write_text("52:54:00:AB:00:01\n")
    (entry / "carrier").write_text("1\n")
    return tmp_path


def test_nics_are_those_with_a_device(sysfs):
    (nic,) = hardware.nics_of(sysfs)
    assert nic == {"name": "ens3", "mac": "52:54:00:ab:00:01", "bus_address": "0000:00:03.0",
                   "driver": "virtio_net", "speed": None, "carrier": True}  # fmt: skip
    assert hardware.macs_of([nic, {**nic, "mac": ""}]) == ["52:54:00:ab:00:01"]


def test_fillers_of_vendors_are_no_serial_numbers(tmp_path):
    folder = tmp_path / "class/dmi/id"
    folder.mkdir(parents=True)
    (folder / "product_uuid").write_text("U-1\n")
    (folder / "product_serial").write_text("To be filled by O.E.M.\n")
    assert hardware.dmi(tmp_path) == {"uuid": "U-1"}
    assert hardware.dmi(tmp_path / "none") == {}


def test_memory_in_mib(tmp_path):
    (tmp_path / "m").write_text("MemFree: 1 kB\nMemTotal:    2048000 kB\n")
    assert hardware.memory_mib(tmp_path / "m") == 2000
    (tmp_path / "m").write_text("")
    assert hardware.memory_mib(tmp_path / "m") == 0


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("IP Address Source : DHCP\nIP Address              : 10.0.0.9\n", "10.0.0.9"),
        ("IP Address : 0.0.0.0\n", None),
        ("", None),
    ],
)
def test_the_address_of_its_bmc(monkeypatch, said, address):
    monkeypatch.setattr(hardware.Path, "exists", lambda path: str(path) == "/dev/ipmi0")
    assert hardware.bmc_address(Recorder(says={"ipmitool": said})) == address


def test_a_machine_without_a_bmc_asks_none(monkeypatch):
    monkeypatch.setattr(hardware.Path, "exists", lambda path: False)
    programs = Recorder()
    assert hardware.bmc_address(programs) is None
    assert programs.ran == []


@pytest.mark.skipif(not Path("/sys/class/net").is_dir(), reason="no NICs without /sys")
def test_the_report_of_this_machine_is_one_the_listener_takes():
    told = hardware.inventory("52:54:00:00:00:01", Recorder(says={"lshw": "<node/>"}),
                              listens=False)  # fmt: skip
    report = InventoryReport(**json.loads(json.dumps(told)))
    assert report.lshw == "<node/>"
    assert report.memory_mib > 0
    assert report.cpus > 0
    assert set(json.loads(report.hardware)) == {"nics", "disks", "dmi", "firmware"}
