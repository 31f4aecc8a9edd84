"""What MAAS cannot have on its disks is told before the first write, naming the field."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.maas.storagechecks import check, has_esp
from drydockd.errors import DriverUnsupported
from drydockd.plans import StoragePlan
from tests.drivers.node.maas.plans import GB, a_disk_plan, flat, fs, lvm, part

V1, V4 = "2c1bf3b8-1f5d-11ee-be56-0242ac120002", "9f1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d"
# As the real one refused it, "Enter a valid value.": no RFC variant.
MADE_UP = "11111111-2222-3333-4444-555555555555"


def refused(plan):
    with pytest.raises(DriverUnsupported) as told:
        check("n1", plan)
    return str(told.value)


@pytest.mark.parametrize("number", [V1, MADE_UP, "x", V4 + "0"])
def test_row_4_a_uuid_of_another_version_is_refused_naming_the_field(number):
    told = refused(flat(part("var", GB, "/var", part_uuid=number)))
    assert told == (
        f"node n1: storage: partition sda/var: part_uuid {number}: MAAS takes UUIDs of version 4 "
        "only"
    )
    told = refused(flat(part("var", GB, filesystem=fs("/var", uuid=number))))
    assert "sda/var: fs_uuid" in told


def test_row_4_groups_and_volumes_have_uuids_too():
    plan = lvm()
    group = plan.volume_groups[0]
    assert "volume group sys: vg_uuid" in refused(
        replace(plan, volume_groups=(replace(group, vg_uuid=V1),))
    )
    volumes = (replace(group.volumes[0], lv_uuid=V1), *group.volumes[1:])
    told = refused(replace(plan, volume_groups=(replace(group, volumes=volumes),)))
    assert "logical volume sys/root: lv_uuid" in told


def test_row_4_version_4_is_taken_whatever_its_case():
    check("n1", flat(part("var", GB, "/var", part_uuid=V4)))
    check("n1", flat(part("var", GB, filesystem=fs("/var", uuid=V4.upper()))))


def test_row_15_a_root_of_less_than_3_gib_is_refused():
    least = 3 * 1024**3
    disk = a_disk_plan(part("root", least - 1, "/"))
    plan = StoragePlan((disk,), (), ("sda", "root"))
    assert f"sda/root: / has {least - 1} bytes, MAAS makes 3221225472 (3072 MiB)" in refused(plan)
    check("n1", replace(plan, disks=(a_disk_plan(part("root", least, "/")),)))


def test_a_boot_of_less_than_512_mib_is_refused():
    disk = a_disk_plan(part("root", 30 * GB, "/"), part("boot", 500_000_000, "/boot"))
    plan = StoragePlan((disk,), (), ("sda", "root"), ("sda", "boot"))
    assert "/boot has 500000000 bytes" in refused(plan)


def test_a_root_on_a_volume_is_measured_too():
    plan = lvm()
    group = plan.volume_groups[0]
    small = replace(group, volumes=(replace(group.volumes[0], size_bytes=GB),))
    assert "sys/root: / has" in refused(replace(plan, volume_groups=(small,)))


@pytest.mark.parametrize(
    ("filesystem", "words"),
    [
        (fs("/var", "ext3"), "fstype ext3; MAAS makes ext2, ext4, xfs"),
        (fs("/var", "xfs", label="thirteen-long"), "fs_label 'thirteen-long'; xfs takes 12"),
        (fs("var"), "mountpoint 'var' is no absolute path"),
        (fs("/boot"), "/boot is mounted already, from partition sda/boot"),
    ],
)
def test_a_file_system_that_cannot_be_is_refused(filesystem, words):
    told = refused(flat(part("var", GB, filesystem=filesystem)))
    assert told.startswith("node n1: storage: partition sda/var: ")
    assert words in told


def test_swap_is_mounted_nowhere():
    check("n1", flat(part("swap", GB, filesystem=fs("none", "swap"))))


def test_an_efi_system_partition_of_the_design_is_seen():
    assert has_esp(flat(part("efi", GB, filesystem=fs("/boot/efi", "vfat"))))
    assert not has_esp(flat())
