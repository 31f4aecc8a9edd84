"""What is next for a machine's disks, computed from its document alone."""

import pytest

from drydockd.drivers.node.maas.storagechanges import (
    absorb,
    begin,
    fits,
    is_bare,
    next_change,
    stray,
)
from drydockd.drivers.node.maas.storageplan import Disk, Group, Layout, Part, Volume
from tests.drivers.node.maas.plans import GB, fs

V4 = "9f1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d"
MIB = 1024 * 1024
ROOT = Part("root", 1, 30 * GB, filesystem=fs("/"))
PV = Part("pv", 1, 40 * GB, group="data")
DATA = Group("data", (Volume("logs", 8 * GB, filesystem=fs("/logs")),))


def a_layout(*parts, groups=(), disks=None, start="flat"):
    disks = disks or (Disk(1, "sda", 100 * GB, parts or (ROOT,)),)
    return Layout(1, disks, groups, {"storage_layout": start})


def on(mountpoint, fstype="ext4", **given):
    return {
        "fstype": fstype,
        "mount_point": mountpoint,
        "mount_options": None,
        "uuid": V4,
        "label": "",
        **given,
    }


def a_part(number, size, filesystem=None, **given):
    return {
        "id": number,
        "device_id": 1,
        "type": "partition",
        "size": size,
        "bootable": False,
        "uuid": V4,
        "filesystem": filesystem,
        **given,
    }


def a_device(*parts, number=1, **given):
    return {
        "id": number,
        "name": f"sd{'_abc'[number]}",
        "type": "physical",
        "size": 100 * GB,
        "available_size": 90 * GB,
        "filesystem": None,
        "partitions": list(parts),
        **given,
    }


def a_machine(*devices, groups=(), **given):
    return {
        "system_id": "sid1",
        "boot_disk": {"id": 1},
        "blockdevice_set": list(devices),
        "volume_groups": list(groups),
        **given,
    }


def a_group(*members, volumes=(), name="data"):
    return {
        "id": 70,
        "name": name,
        "uuid": V4,
        "available_size": 39 * GB,
        "devices": list(members),
        "logical_volumes": list(volumes),
    }


def told(layout, machine):
    change = next_change(layout, machine)
    return change and " ".join(filter(None, (change.method, change.path, change.op)))


def test_the_disk_that_is_started_from_comes_first():
    machine = a_machine(a_device(), boot_disk={"id": 2})
    assert told(a_layout(), machine) == "POST nodes/sid1/blockdevices/1/ set_boot_disk"


def test_a_partition_is_made_then_formatted_then_mounted():
    machine = a_machine(a_device())
    assert told(a_layout(), machine) == "POST nodes/sid1/blockdevices/1/partitions/"
    absorb(machine, next_change(a_layout(), machine), a_part(5, 30 * GB))
    assert machine["blockdevice_set"][0]["available_size"] == 60 * GB
    assert told(a_layout(), machine) == "POST nodes/sid1/blockdevices/1/partition/5 format"
    absorb(machine, next_change(a_layout(), machine), a_part(5, 30 * GB, on(None)))
    assert told(a_layout(), machine) == "POST nodes/sid1/blockdevices/1/partition/5 mount"
    absorb(machine, next_change(a_layout(), machine), a_part(5, 30 * GB, on("/")))
    assert next_change(a_layout(), machine) is None


def test_row_15_sizes_are_compared_with_tolerance():
    machine = a_machine(a_device(a_part(5, 30 * GB - 4 * MIB, on("/"))))
    assert stray(a_layout(), machine) is None
    machine = a_machine(a_device(a_part(5, 30 * GB - 20 * MIB, on("/"))))
    assert stray(a_layout(), machine) == f"partition of {30 * GB - 20 * MIB} bytes on sda"


def test_a_last_partition_takes_what_there_is_where_that_is_a_little_less():
    machine = a_machine(a_device(available_size=30 * GB - MIB))
    assert next_change(a_layout(), machine).form["size"] == 30 * GB - MIB
    machine = a_machine(a_device(available_size=20 * GB))
    assert next_change(a_layout(), machine).form["size"] == 30 * GB


def test_the_mounted_one_of_two_alike_is_taken_for_what_is_mounted_there():
    raw = Part("raw", 1, 30 * GB)
    machine = a_machine(a_device(a_part(5, 30 * GB), a_part(6, 30 * GB, on("/"))))
    layout = a_layout(raw, ROOT)
    assert stray(layout, machine) is None
    assert next_change(layout, machine) is None


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (a_machine(a_device(a_part(5, GB))), "partition of 1000000000 bytes on sda"),
        (a_machine(a_device(a_part(5, 30 * GB, bootable=True))), "partition of 30000000000"),
        (a_machine(a_device(a_part(5, 30 * GB, on("/var")))), "partition of 30000000000"),
        (a_machine(a_device(a_part(5, 30 * GB, on("/", "xfs")))), "partition of 30000000000"),
        (a_machine(a_device(), a_device(a_part(5, GB), number=2)), "on sdb"),
        (a_machine(a_device(), a_device(number=2, filesystem=on("/x"))), "ext4 on disk sdb"),
        (a_machine(a_device(), groups=[a_group(name="x")]), "volume group x"),
        (a_machine(a_device(), raids=[{"name": "md0"}]), "raids: md0"),
    ],
)
def test_what_is_not_wanted_so_is_stray(machine, reason):
    assert reason in stray(a_layout(), machine)


def test_a_group_is_made_of_its_members_then_its_volumes():
    layout = a_layout(PV, groups=(DATA,))
    part = a_part(5, 40 * GB)
    machine = a_machine(a_device(part))
    change = next_change(layout, machine)
    assert (change.path, change.form["partitions"]) == ("nodes/sid1/volume-groups/", "5")
    absorb(machine, change, a_group(part))
    change = next_change(layout, machine)
    assert change.op == "create_logical_volume"
    assert change.form == {"name": "logs", "uuid": None, "size": 8 * GB}


@pytest.mark.parametrize("name", ["logs", "data-logs"])
@pytest.mark.parametrize("is_whole", [True, False], ids=["the volume", "the group"])
def test_a_new_volume_is_known_whatever_maas_answers(name, is_whole):
    """Some answer with the volume, some with its group; it is called with its group or not."""
    layout = a_layout(PV, groups=(DATA,))
    part = a_part(5, 40 * GB)
    machine = a_machine(a_device(part), groups=[a_group(part)])
    volume = a_device(number=3, name=name, type="virtual", size=8 * GB, uuid=V4)
    change = next_change(layout, machine)
    absorb(machine, change, volume if is_whole else a_group(part, volumes=[volume]))
    assert told(layout, machine) == "POST nodes/sid1/blockdevices/3/ format"
    absorb(machine, next_change(layout, machine), {**volume, "filesystem": on("/logs")})
    assert next_change(layout, machine) is None


def test_a_group_of_other_members_is_stray():
    layout = a_layout(PV, groups=(DATA,))
    other = a_device(number=2)
    machine = a_machine(a_device(a_part(5, 40 * GB)), other, groups=[a_group(other)])
    assert "volume group data" in stray(layout, machine)


def test_a_volume_that_is_not_wanted_so_is_stray():
    layout = a_layout(PV, groups=(DATA,))
    part = a_part(5, 40 * GB)
    volume = a_device(number=3, name="data-old", type="virtual", size=8 * GB)
    machine = a_machine(a_device(part), groups=[a_group(part, volumes=[volume])])
    assert stray(layout, machine) == "logical volume data/old"


def test_nothing_there_begins_with_maas_own_layout_if_that_is_any_good():
    bare = a_machine(a_device())
    assert is_bare(a_layout(), bare)
    assert not is_bare(a_layout(start="blank"), bare)
    assert not is_bare(a_layout(), a_machine(a_device(a_part(5, 30 * GB, on("/")))))
    assert begin(a_layout(), bare, "x").form == {"storage_layout": "flat"}


@pytest.mark.parametrize(
    ("found", "wanted", "is_fit"),
    [
        (None, fs("/"), True),
        (None, None, True),
        (on("/"), None, False),
        (on(None), fs("/"), True),
        (on("/", label="root"), fs("/"), True),
        (on("/", label="root"), fs("/", label="x"), False),
        (on("/"), fs("/", uuid=V4.upper()), True),
        (on("/"), fs("/", options="noatime"), False),
        (on("/efi", "fat32"), fs("/efi", "vfat"), True),
        (on("none", "swap"), fs("none", "swap"), True),
    ],
)
def test_a_file_system_that_may_become_the_one_wanted(found, wanted, is_fit):
    assert fits(found, wanted) is is_fit
