import pytest

from drydockd.design.inventory import Hardware, parse_lshw
from drydockd.design.storage_plan import boot_device, storage_plan
from drydockd.errors import InvalidDesign
from drydockd.machines import Device
from drydockd.plans import DeviceName, FilesystemPlan
from drydockd.site import LogicalVolume, VolumeGroup
from tests.design.lshw import LSHW, TERABYTE
from tests.design.rules.helpers import a_disk, a_node, a_partition, a_site

MIB = 2**20
HARDWARE = Hardware({"bootdisk": "sda", "data": "sdb"}, parse_lshw(LSHW))
ROOT = a_partition("root", "30g", mountpoint="/", bootable=True)


def plan(*disks, groups=(), hardware=HARDWARE):
    node = a_node("n1", storage_devices=disks, volume_groups=groups)
    return storage_plan(a_site(node), node, hardware)


def sizes(entries):
    return {entry.name: entry.size_bytes for entry in entries}


def a_group(name, *volumes, **fields):
    return VolumeGroup(name, logical_volumes=volumes, **fields)


def a_volume(name, size, mountpoint=None, **fields):
    return LogicalVolume(name, size, mountpoint=mountpoint, **fields)


def test_a_disk_is_found_by_alias_and_carries_its_identity():
    (disk,) = plan(a_disk("bootdisk", ROOT)).disks

    assert disk.device == DeviceName("sda", serial="WD-1234", bus_address="0:2.0.0")
    assert disk.size_bytes == TERABYTE


def test_partitions_keep_their_order_and_every_field():
    fields = {"part_uuid": "u-1", "fs_uuid": "f-1", "fs_label": "L", "mount_options": "noatime"}
    rest = a_partition("rest", ">10g", mountpoint="/srv", fstype="xfs", **fields)

    (disk,) = plan(a_disk("sda", ROOT, a_partition("raw", "10%"), rest)).disks

    assert [p.name for p in disk.partitions] == ["root", "raw", "rest"]
    root, raw, last = disk.partitions
    assert root.bootable
    assert root.filesystem == FilesystemPlan("ext4", "/", "defaults")
    assert raw.filesystem is None
    assert last.part_uuid == "u-1"
    assert last.filesystem == FilesystemPlan("xfs", "/srv", "noatime", "f-1", "L")


def test_sizes_are_parts_of_the_disk_and_the_rest_is_what_is_left():
    (disk,) = plan(
        a_disk("sda", ROOT, a_partition("part", "10%"), a_partition("rest", ">1g"))
    ).disks

    found = sizes(disk.partitions)
    assert found["root"] == 30 * 10**9
    assert found["part"] == TERABYTE // 10
    aligned = sum(-(-found[name] // MIB) * MIB for name in ("root", "part"))
    assert found["rest"] == TERABYTE - aligned - 4 * MIB


def test_root_and_boot_take_percent_and_rest_of_their_own_disk():  # E-19
    boot = a_partition("boot", "1%", mountpoint="/boot")
    root = a_partition("root", ">20g", mountpoint="/")

    found = plan(a_disk("bootdisk", boot, root))

    assert (found.root, found.boot) == (("sda", "root"), ("sda", "boot"))
    assert found.layout == "flat"
    assert sizes(found.disks[0].partitions)["boot"] == TERABYTE // 100


def test_what_the_provisioner_needs_on_the_boot_disk_is_no_part_of_any_size_there():
    boot, data = a_partition("boot", ">1g", mountpoint="/boot"), a_partition("d", ">1g")
    disks = (a_disk("sda", a_partition("root", "10%", mountpoint="/"), boot), a_disk("sdb", data))
    node = a_node("n1", storage_devices=disks)
    reserve = 516 * MIB

    def made(boot_reserve):
        plan = storage_plan(a_site(node), node, HARDWARE, boot_reserve=boot_reserve)
        return {disk.device.name: sizes(disk.partitions) for disk in plan.disks}

    plain, less = made(0), made(reserve)
    assert less["sda"]["root"] == (TERABYTE - reserve) * 10 // 100
    assert sum(less["sda"].values()) <= TERABYTE - reserve
    assert less["sdb"] == plain["sdb"]


def test_the_boot_disk_of_a_root_in_a_group_is_the_one_below_it():
    group = a_group("sys", a_volume("root", "30g", "/"))
    disk = a_disk("sdb", a_partition("pv", ">1g", volume_group="sys"))
    assert boot_device(a_node("n1", storage_devices=(disk,), volume_groups=(group,))) == "sdb"
    assert boot_device(a_node("n1", storage_devices=())) is None


def test_a_whole_disk_can_be_a_physical_volume():
    found = plan(
        a_disk("bootdisk", ROOT),
        a_disk("data", volume_group="vg"),
        groups=(a_group("vg", a_volume("lv", "50%", "/srv", lv_uuid="l-1"), vg_uuid="v-1"),),
    )

    assert [disk.volume_group for disk in found.disks] == [None, "vg"]
    (group,) = found.volume_groups
    assert (group.name, group.vg_uuid, group.physical_volumes) == ("vg", "v-1", ("sdb",))
    assert group.volumes[0].lv_uuid == "l-1"
    assert group.volumes[0].filesystem.mountpoint == "/srv"


def test_a_group_offers_whole_extents_of_its_physical_volumes():
    pv = a_partition("pv", "10g", volume_group="vg")
    volumes = (a_volume("half", "50%"), a_volume("rest", ">1m"))
    found = plan(
        a_disk("bootdisk", ROOT, pv),
        a_disk("data", volume_group="vg"),
        groups=(a_group("vg", *volumes),),
    )

    (group,) = found.volume_groups
    extent = 4 * MIB
    total = sum((size - MIB) // extent * extent for size in (TERABYTE, 10**10))
    half = total // 2
    assert group.physical_volumes == ("sdb", "sda/pv")
    assert sizes(group.volumes) == {
        "half": half,
        "rest": total - -(-half // extent) * extent - extent,
    }


def test_a_group_may_exist_only_by_being_named():
    found = plan(a_disk("bootdisk", ROOT), a_disk("data", volume_group="vg"))

    assert [(g.name, g.volumes) for g in found.volume_groups] == [("vg", ())]


def test_root_on_a_logical_volume_is_layout_lvm():  # E-13
    pv = a_partition("pv", "99%", volume_group="vg")
    found = plan(a_disk("bootdisk", pv), groups=(a_group("vg", a_volume("root", "30g", "/")),))

    assert (found.layout, found.root, found.boot) == ("lvm", ("vg", "root"), None)


def test_root_on_a_group_of_two_disks_is_refused():
    with pytest.raises(InvalidDesign, match=r"vg holds / .* sda, sdb"):
        plan(
            a_disk("bootdisk", volume_group="vg"),
            a_disk("data", volume_group="vg"),
            groups=(a_group("vg", a_volume("root", "30g", "/")),),
        )


def test_a_disk_without_a_use_is_not_touched():
    found = plan(a_disk("bootdisk", ROOT), a_disk("data"))

    assert [disk.device.name for disk in found.disks] == ["sda"]


def test_nothing_mounted_at_slash_is_refused():
    with pytest.raises(InvalidDesign, match="nothing is mounted at /"):
        plan(a_disk("bootdisk", a_partition("root", "30g")))


@pytest.mark.parametrize(
    ("disks", "groups", "message"),
    [
        (
            [a_disk("sdx", ROOT)],
            (),
            r"storage device sdx: sdx is not in the inventory \(sda, sdb\)",
        ),
        ([a_disk("sda", ROOT, volume_group="vg")], (), "storage device sda: has both"),
        ([a_disk("sda", ROOT), a_disk("bootdisk", volume_group="v")], (), "is sda, and so is sda"),
        (
            [a_disk("sda", ROOT, a_partition("p", "1g", mountpoint="/x", volume_group="v"))],
            (),
            "partition p has a filesystem and a volume_group",
        ),
        ([a_disk("sda", ROOT)], (a_group("vg"),), "volume group vg has no physical volume"),
        ([a_disk("sda", ROOT, a_partition("p", None))], (), "sda/p: size is missing"),
        ([a_disk("sda", ROOT, a_partition("p", "10x"))], (), "sda/p: size 10x: '10x' is no size"),
        ([a_disk("sda", ROOT, a_partition("p", "1t"))], (), "sda/p: size 1t: not enough storage"),
        (
            [a_disk("sda", ROOT), a_disk("sdb", volume_group="vg")],
            (a_group("vg", a_volume("lv", "1t")),),
            "vg/lv: size 1t: not enough storage",
        ),
    ],
)
def test_what_cannot_be_built_names_node_field_and_value(disks, groups, message):
    with pytest.raises(InvalidDesign, match=f"node n1: .*{message}"):
        plan(*disks, groups=groups)


def test_a_disk_of_unknown_size_is_refused():
    hardware = Hardware(devices=(Device("disk", ("sda",)),))

    with pytest.raises(InvalidDesign, match="storage device sda: the inventory does not tell"):
        plan(a_disk("sda", ROOT), hardware=hardware)


def test_a_node_without_inventory_is_refused():
    with pytest.raises(InvalidDesign, match=r"not in the inventory \(none\)"):
        plan(a_disk("sda", ROOT), hardware=Hardware())
