"""Each design value that an image of a whole disk cannot be, by its field."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.ironic.refusals import check_node, check_platform, check_storage
from drydockd.errors import DriverUnsupported
from drydockd.plans import FilesystemPlan, PartitionPlan, PlatformPlan, VolumeGroupPlan
from drydockd.site import Interface, LogicalVolume, Partition, StorageDevice, VolumeGroup
from tests.drivers.node.ironic.sites import (
    GIB,
    IMAGES,
    PLATFORM,
    ROOT,
    a_node,
    options,
    storage_plan,
)

AT = r"storage\.physical_devices\.sda"


def on_sda(*partitions, **fields):
    return {"storage_devices": (StorageDevice("sda", partitions=partitions, **fields),)}


def test_one_root_on_one_disk_is_honoured():
    check_node(a_node(), options())
    check_node(a_node(**on_sda(replace(ROOT, size="100%"))), options())
    assert check_storage(storage_plan(), "n1").device.name == "sda"
    check_platform(PLATFORM, options(), "n1")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            on_sda(ROOT, Partition("var", ">9g", mountpoint="/var")),
            rf"{AT}\.partitions\.var: at /var",
        ),
        (on_sda(replace(ROOT, size="30g")), rf"{AT}\.partitions\.root\.size: 30g"),
        (on_sda(replace(ROOT, part_uuid="p-1")), rf"{AT}\.partitions\.root\.part_uuid: p-1"),
        (on_sda(replace(ROOT, fs_uuid="f-1")), r"root\.filesystem\.fs_uuid: f-1"),
        (on_sda(replace(ROOT, fs_label="/")), r"root\.filesystem\.fs_label: /"),
        (on_sda(replace(ROOT, fstype="xfs")), r"root\.filesystem\.fstype: xfs: the image has ext4"),
        (on_sda(replace(ROOT, mount_options="noatime")), r"filesystem\.mount_options: noatime"),
        (on_sda(volume_group="vg"), rf"{AT}\.volume_group: vg"),
        (
            {"volume_groups": (VolumeGroup("vg", logical_volumes=(LogicalVolume("lv"),)),)},
            r"storage\.volume_groups\.vg",
        ),
        ({"interfaces": (Interface("bond0", sriov=True),)}, r"interfaces\.bond0\.sriov"),
        ({"kernel_params": {"hugepages": "8"}}, r"platform\.kernel_params"),
        ({"kernel": "ga-6.1"}, r"platform\.kernel: ga-6\.1: image debian-12 brings 6\.1\.0"),
        ({"image": "windows"}, r"platform\.image: windows: ironic_driver\.images has debian-12"),
        ({"image": None}, r"platform\.image: none"),
    ],
)
def test_what_is_designed_and_cannot_be_is_named(fields, text):
    with pytest.raises(DriverUnsupported, match=text):
        check_node(a_node(**fields), options())


def test_everything_that_is_wrong_is_said_at_once():
    node = a_node(**on_sda(replace(ROOT, size="30g")), kernel="k", kernel_params={"quiet": True})
    with pytest.raises(DriverUnsupported) as caught:
        check_node(node, options())
    assert str(caught.value).startswith("n1: Ironic cannot honour: ")
    assert str(caught.value).count(";") >= 2


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (storage_plan(volume_groups=(VolumeGroupPlan("vg", ("sdb",), ()),)), "volume_groups"),
        (storage_plan(root=("sdb", "root")), "nothing is mounted at /"),
    ],
)
def test_plans_are_judged_too(plan, text):
    with pytest.raises(DriverUnsupported, match=text):
        check_storage(plan, "n1")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"size_bytes": 30 * GIB}, r"root\.size"),
        ({"part_uuid": "p-1"}, r"root\.part_uuid"),
        ({"filesystem": FilesystemPlan("ext4", "/", "noatime")}, "mount_options: noatime"),
        ({"filesystem": FilesystemPlan("ext4", "/srv", "defaults")}, "but the one for /"),
        ({"filesystem": None}, "but the one for /"),
    ],
)
def test_a_planned_partition_that_cannot_be_is_named(changes, text):
    plan = storage_plan()
    [disk] = plan.disks
    [partition] = disk.partitions
    assert isinstance(partition, PartitionPlan)
    bent = replace(disk, partitions=(replace(partition, **changes),))
    with pytest.raises(DriverUnsupported, match=text):
        check_storage(replace(plan, disks=(bent,)), "n1")


def test_kernels_that_an_image_brings_and_parameters_that_are_installed_are_honoured():
    brings = {"debian-12": {**IMAGES["debian-12"], "kernels": ["6.1.0-1-amd64", "ga-*"]}}
    given = options(images=brings, kernel_append_params=True)
    check_platform(PlatformPlan("debian-12", "6.1.0-1-amd64", "quiet", "kp"), given, "n1")
    check_platform(PlatformPlan("debian-12", "ga-22.04", "", "kp"), given, "n1")
    with pytest.raises(DriverUnsupported, match=r"brings 6\.1\.0-1-amd64, ga-\*"):
        check_platform(PlatformPlan("debian-12", "6.6", "quiet", "kp"), given, "n1")
