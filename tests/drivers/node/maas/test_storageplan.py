"""What a machine's disks are to be in MAAS: sizes that fit, and how it begins."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.maas.storageplan import found_disk, wanted_layout
from drydockd.errors import DriverConflict, DriverUnsupported
from drydockd.plans import DeviceName, StoragePlan
from tests.drivers.node.maas.plans import (
    GB,
    SDA,
    a_disk_plan,
    a_group,
    boot_elsewhere,
    flat,
    fs,
    lvm,
    part,
    rooted,
    volume,
)
from tests.peers.maas.machines import a_disk
from tests.peers.maas.storage import room

MIB = 1024 * 1024
UNIT = 4 * MIB
DEVICES = [{**a_disk(name, 100 * GB), "id": 11 + i} for i, name in enumerate(("sda", "sdb"))]


def layout(plan, *, uefi=False):
    return wanted_layout("n1", plan, DEVICES, uefi=uefi)


def test_row_15_sizes_are_rounded_down_to_4_mib():
    # As the real one did it: 10 GB asked, 9,999,220,736 given.
    plan = flat(part("data", 10 * GB, "/data"))
    assert [entry.size for entry in layout(plan).parts()][2] == 9_999_220_736


def test_what_maas_keeps_of_a_disk_is_taken_off_the_last_partition():
    rest = 100 * GB - 30 * GB - GB
    parts = list(layout(flat(part("var", rest, "/var"))).parts())
    assert sum(entry.size for entry in parts) == room(100 * GB)
    assert 0 < rest - parts[-1].size < 4 * UNIT


def test_too_little_room_is_told_with_what_is_wanted_and_what_there_is():
    with pytest.raises(DriverUnsupported) as told:
        layout(flat(part("var", 75 * GB, "/var")))
    assert "node n1: storage: disk sda: 106000000000 bytes are wanted" in str(told.value)
    assert str(room(100 * GB)) in str(told.value)


def test_a_group_has_an_extent_less_for_each_of_its_members():
    plan = lvm()
    big = replace(plan.volume_groups[0], volumes=(volume("root", 60 * GB, "/"),))
    group = layout(replace(plan, volume_groups=(big,))).groups[0]
    member = 60 * GB // UNIT * UNIT
    assert group.volumes[0].size == member - UNIT


def test_a_group_that_is_too_small_is_told():
    plan = lvm()
    big = replace(plan.volume_groups[0], volumes=(volume("root", 61 * GB, "/"),))
    with pytest.raises(DriverUnsupported, match="volume group sys: 61000000000 bytes are wanted"):
        layout(replace(plan, volume_groups=(big,)))


def test_a_uefi_machine_gets_an_efi_system_partition_on_the_disk_it_starts_from():
    parts = list(layout(flat(), uefi=True).parts())
    assert (parts[0].size, parts[0].filesystem.mountpoint) == (512 * MIB, "/boot/efi")
    own = flat(part("efi", GB, filesystem=fs("/boot/efi", "vfat")))
    assert len(list(layout(own, uefi=True).parts())) == 3


def test_boot_is_marked_bootable_where_a_disk_has_one_as_maas_does_it():
    assert [(p.name, p.bootable) for p in layout(flat()).parts()] == [
        ("root", False),
        ("boot", True),
    ]


def test_without_boot_the_design_says_what_is_bootable():
    plan = rooted(part("root", 30 * GB, "/", bootable=True))
    assert [p.bootable for p in layout(plan).parts()] == [True]


def test_a_disk_is_found_by_serial_then_wwn_then_name():
    devices = [
        {**a_disk("sda", GB, "A"), "id": 1},
        {**a_disk("sdb", GB, "B"), "id": 2, "id_path": "/dev/disk/by-id/wwn-0x5000C500AA"},
    ]
    assert found_disk("n1", DeviceName("sda", serial="B"), devices)["id"] == 2
    assert found_disk("n1", DeviceName("sda", wwn="0x5000c500aa"), devices)["id"] == 2
    assert found_disk("n1", DeviceName("sdb", serial="unknown"), devices)["id"] == 2


def test_a_disk_that_is_not_there_is_told_with_those_that_are():
    device = DeviceName("bootdisk", serial="Z", bus_address="2:0.0.0")
    with pytest.raises(DriverConflict) as told:
        layout(replace(flat(), disks=(a_disk_plan(device=device),), root=("bootdisk", "root")))
    for word in ("bootdisk", "2:0.0.0", "Z", "sda (100000000000 bytes)", "sdb"):
        assert word in str(told.value)


def test_two_aliases_of_one_disk_are_told():
    twice = a_disk_plan(part("x", GB), device=DeviceName("data", serial="S-sda"))
    with pytest.raises(DriverConflict, match="disks sda and data are both sda in MAAS"):
        layout(flat(extra=(twice,)))


@pytest.mark.parametrize(
    ("plan", "start"),
    [
        (flat(), "flat"),
        (flat(part("var", GB, "/var")), "flat"),
        (lvm(), "lvm"),
        # What MAAS' own layouts would not make so.
        (rooted(part("root", 30 * GB, "/", bootable=True)), "blank"),
        (rooted(part("root", 30 * GB, filesystem=fs("/", "xfs"))), "blank"),
        (rooted(part("root", 30 * GB, filesystem=fs("/", label="x"))), "blank"),
        (boot_elsewhere(), "blank"),
        # MAAS' own keep room for an EFI system partition and a /boot that nobody wants.
        (rooted(part("root", 98 * GB, "/")), "flat"),
        (rooted(part("root", 99 * GB, "/")), "blank"),
    ],
)
def test_maas_own_layout_is_taken_where_it_gives_what_is_wanted(plan, start):
    assert layout(plan).start["storage_layout"] == start


def test_the_fields_of_the_layouts_are_those_of_the_plan():
    start = layout(flat()).start
    assert start["root_device"] == 11
    assert start["root_size"] == 30 * GB // UNIT * UNIT
    assert start["boot_size"] == GB // UNIT * UNIT
    start = layout(lvm()).start
    assert (start["vg_name"], start["lv_name"]) == ("sys", "root")
    assert start["lv_size"] == 40 * GB // UNIT * UNIT


def test_a_machine_starts_from_the_disk_of_boot():
    assert layout(boot_elsewhere()).boot_disk == 12


def test_a_boot_disk_that_is_a_physical_volume_as_a_whole_gets_a_partition():
    disk = a_disk_plan(device=SDA, volume_group="sys")
    group = a_group("sys", ("sda",), volume("root", 30 * GB, "/"))
    found = layout(StoragePlan((disk,), (group,), ("sys", "root"), None, "lvm"))
    assert [(p.size, p.group) for p in found.parts()] == [(room(100 * GB), "sys")]
    assert found.start["storage_layout"] == "blank"


def test_without_a_root_nothing_is_begun():
    with pytest.raises(DriverUnsupported, match="nothing is mounted at /"):
        layout(replace(flat(), root=None))
