"""What the agent saw, as the aliases of hardware profiles look for it."""

import json

import pytest

from drydockd.design.inventory import hardware_of
from drydockd.drivers.node.ironic.inventory import converted
from drydockd.machines import Device
from drydockd.site import DeviceAlias, HardwareProfile, Node, Site
from tests.peers.ironic import GIB, seen


def test_aliases_find_nics_by_pci_and_disks_by_scsi_address():
    inventory = converted({"inventory": seen("52:54:00:AA:00:01", disks=2)})
    profile = HardwareProfile(
        "plain",
        devices=(
            DeviceAlias("prim_nic01", "0000:19:00.0", "pci", "nic"),
            DeviceAlias("bootdisk", "0:1.0.0", "scsi", "disk"),
            DeviceAlias("absent", "0:9.0.0", "scsi", "disk"),
        ),
    )
    hardware = hardware_of(Site(), Node("n1", hardware=profile), inventory)
    assert hardware.nic("prim_nic01").mac == "52:54:00:aa:00:01"
    assert hardware.nic("prim_nic01").name == "eno1"
    disk = hardware.disk("bootdisk")
    assert (disk.names, disk.size_bytes, disk.serial) == (("sdb",), 100 * GIB, "S-b-01")
    assert hardware.disk("absent") is None


@pytest.mark.parametrize(
    ("disk", "businfo"),
    [
        ({"name": "/dev/nvme0n1", "hctl": None}, "nvme@0:1"),
        ({"name": "/dev/sdc", "hctl": "2:0:3:1"}, "scsi@2:0.3.1"),
        ({"name": "/dev/vda", "by_path": "/dev/disk/by-path/pci-0000:00:07.0"}, "pci@0000:00:07.0"),
        ({"name": "/dev/vdb"}, None),
        ({"name": "/dev/sdd", "hctl": "odd"}, None),
    ],
)
def test_a_disk_has_the_address_that_lshw_gives_it(disk, businfo):
    [device] = converted({"inventory": {"disks": [disk]}}).devices
    assert device.businfo == businfo


def test_what_identifies_a_disk_is_kept_and_oddities_are_not_told():
    disks = [
        {
            "name": "/dev/sda",
            "size": 5,
            "serial": " S1 ",
            "wwn": "0x5",
            "wwn_with_extension": "0x5f",
        },
        {"name": "/dev/sdb", "size": -1, "serial": "", "wwn": "0x6"},
        {"size": 7},
        "odd",
    ]
    devices = converted({"inventory": {"disks": disks, "interfaces": None}}).devices
    assert devices == (
        Device("disk", ("sda",), None, "S1", 5, wwn="0x5f"),
        Device("disk", ("sdb",), wwn="0x6"),
    )


def test_the_text_is_kept_as_build_data():
    machine = seen("52:54:00:00:00:01")
    [document] = converted({"inventory": machine, "plugin_data": {}}).documents
    assert (document.generator, document.data_format) == ("ironic", "application/json")
    assert json.loads(document.text) == machine
    assert converted({"inventory": None}).devices == ()
