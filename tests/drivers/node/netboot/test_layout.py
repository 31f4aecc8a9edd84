"""Partitions placed to the MiB: what the agent writes."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.installplan import Place
from drydockd.drivers.node.netboot.layout import BOOT_RESERVE, MIB, boot_disk_of, layout
from drydockd.errors import DriverUnsupported
from drydockd.plans import (
    DeviceName,
    DiskPlan,
    FilesystemPlan,
    LogicalVolumePlan,
    PartitionPlan,
    StoragePlan,
    VolumeGroupPlan,
)

GIB = 1024 * MIB
ROOT = PartitionPlan("root", 4 * GIB, filesystem=FilesystemPlan("ext4", "/", "defaults"))
BOOT = PartitionPlan("boot", GIB // 2, filesystem=FilesystemPlan("ext4", "/boot", "noatime"))
VDA = DiskPlan(DeviceName("vda", serial="S1"), 8 * GIB, (ROOT, BOOT))
DATA = VolumeGroupPlan(
    "data",
    ("vdb",),
    (LogicalVolumePlan("srv", 10 * MIB, None, FilesystemPlan("xfs", "/srv", "x")),),
)
VDB = DiskPlan(DeviceName("vdb", serial="S2"), 4 * GIB, volume_group="data")
FLAT = StoragePlan((VDA, VDB), (DATA,), root=("vda", "root"), boot=("vda", "boot"))


def numbers(disk):
    return [(p.number, p.use, p.start_mib, p.size_mib) for p in disk.partitions]


def test_the_boot_disk_gets_both_boot_partitions_and_keeps_the_designs_numbers():
    made = layout(FLAT, "d1")
    assert numbers(made.disks[0]) == [
        (14, "bios", 1, 1),
        (15, "esp", 2, 512),
        (1, "linux", 514, 4096),
        (2, "linux", 4610, 512),
    ]
    assert made.boot_disk == 0
    assert made.disks[1].partitions == ()


def test_what_the_core_leaves_out_is_enough():
    total = 8 * GIB
    rest = total - BOOT_RESERVE
    plan = StoragePlan((replace(VDA, partitions=(replace(ROOT, size_bytes=rest),)),),
                       root=("vda", "root"))  # fmt: skip
    disk = layout(plan, "d1").disks[0]
    last = disk.partitions[-1]
    assert (last.start_mib + last.size_mib + 1) * MIB <= total


def test_a_volume_takes_whole_extents_and_its_place_is_by_name():
    made = layout(FLAT, "d1")
    assert made.groups[0].members == (Place(1, None),)
    assert made.groups[0].volumes[0].extents == 3
    places = {entry.mountpoint: entry.place for entry in made.filesystems}
    assert places == {
        "/": Place(0, 1),
        "/boot": Place(0, 2),
        "/srv": Place(group="data", volume="srv"),
        "/boot/efi": Place(0, 15),
    }


def test_file_systems_get_the_same_uuid_each_time_and_another_in_the_next_deployment():
    once, again, later = layout(FLAT, "d1"), layout(FLAT, "d1"), layout(FLAT, "d2")
    assert once == again
    assert {e.uuid for e in once.filesystems}.isdisjoint(e.uuid for e in later.filesystems)
    assert len({e.uuid for e in once.filesystems}) == 4


def test_a_uuid_of_the_design_is_kept():
    named = replace(ROOT, filesystem=replace(ROOT.filesystem, uuid="11111111-aaaa"))
    plan = replace(FLAT, disks=(replace(VDA, partitions=(named, BOOT)), VDB))
    assert layout(plan, "d1").filesystems[0].uuid == "11111111-aaaa"


def test_a_root_in_a_volume_group_starts_from_the_disk_below_it():
    group = VolumeGroupPlan("sys", ("vdb/pv",), (LogicalVolumePlan("root", GIB),))
    disk = DiskPlan(DeviceName("vdb"), 8 * GIB, (PartitionPlan("pv", GIB, volume_group="sys"),))
    plan = StoragePlan((VDA, disk), (group,), root=("sys", "root"), layout="lvm")
    assert boot_disk_of(plan) == 1


@pytest.mark.parametrize(
    ("partitions", "words"),
    [
        ((ROOT, replace(BOOT, size_bytes=1000)), "vda/boot: 1000 bytes are less than a MiB"),
        ((ROOT, replace(BOOT, size_bytes=4 * GIB)), "vda need .* MiB"),
        ((replace(ROOT, filesystem=FilesystemPlan("zfs", "/", "x")),), "root: fstype zfs"),
        ((replace(ROOT, filesystem=FilesystemPlan("xfs", "x/..", "x")),), "no absolute path"),
        ((ROOT, replace(BOOT, filesystem=ROOT.filesystem)), "two file systems are mounted at /"),
        ((ROOT, replace(BOOT, name="x" * 37)), "36 characters"),
        (tuple(replace(ROOT, name=f"p{n}", size_bytes=MIB) for n in range(14)), "13 at most"),
    ],
)
def test_what_cannot_be_made_is_refused_with_its_name(partitions, words):
    plan = replace(FLAT, disks=(replace(VDA, partitions=partitions), VDB))
    with pytest.raises(DriverUnsupported, match=words):
        layout(plan, "d1")


def test_a_boot_disk_cannot_be_a_physical_volume_as_a_whole():
    group = VolumeGroupPlan("data", ("vdb",), (LogicalVolumePlan("root", GIB),))
    plan = StoragePlan((VDB,), (group,), root=("data", "root"))
    with pytest.raises(DriverUnsupported, match="disk vdb is a physical volume as a whole"):
        layout(plan, "d1")


def test_no_root_is_refused():
    with pytest.raises(DriverUnsupported, match="nothing is mounted at /"):
        layout(replace(FLAT, root=None, boot=None), "d1")


@pytest.mark.parametrize(("kind", "longest"), [("ext4", 16), ("xfs", 12), ("vfat", 11)])
def test_a_label_that_a_file_system_cannot_hold_is_refused_before_any_power(kind, longest):
    def made(label):
        filesystem = FilesystemPlan(kind, "/", "defaults", label=label)
        disk = replace(VDA, partitions=(replace(ROOT, filesystem=filesystem),))
        return layout(StoragePlan((disk,), root=("vda", "root")), "d1")

    made("x" * longest)
    with pytest.raises(DriverUnsupported, match=f"vda/root: fs_label .*; {kind} takes {longest}"):
        made("x" * (longest + 1))
