from drydockd.design.storage import (
    mounted_at,
    mountpoint_of,
    once_per_layout,
    physical_volumes,
    volumes,
)
from drydockd.site import LogicalVolume, Node, VolumeGroup
from tests.design.rules.helpers import a_disk, a_node, a_partition

GROUPS = (VolumeGroup("vg", logical_volumes=(LogicalVolume("lv", "1g", mountpoint="/srv/"),)),)
DISKS = (
    a_disk("sda", a_partition("p1", mountpoint="/srv"), a_partition("p2", volume_group="vg")),
    a_disk("sdb", volume_group="vg"),
)
NODE = Node("n1", storage_devices=DISKS, volume_groups=GROUPS)


def test_logical_volumes_come_before_partitions():
    assert [(c, e.name) for c, e in volumes(NODE)] == [("vg", "lv"), ("sda", "p1"), ("sda", "p2")]


def test_mountpoints_lose_trailing_slashes_but_root_stays_root():
    paths = ["/a/", "/a//", "//", "/", "", None]

    found = [mountpoint_of(a_partition("p", mountpoint=path)) for path in paths]

    assert found == ["/a", "/a", "/", "/", None, None]


def test_what_is_mounted_somewhere_is_the_first_found():
    assert mounted_at(NODE, "/srv") == ("vg", "lv")
    assert mounted_at(NODE, "/nowhere") is None


def test_whole_devices_come_before_partitions_in_a_group():
    assert physical_volumes(NODE) == {"vg": [("sdb", None), ("sda", "p2")]}


def test_a_layout_is_judged_once_and_a_new_one_anew():
    asked = []
    judge = once_per_layout(lambda profile: asked.append(profile.name) or profile.name)
    same = [a_node(name, storage_devices=DISKS, volume_groups=GROUPS) for name in ("n1", "n2")]

    assert [judge(node) for node in same] == ["n1", "n1"]
    assert judge(a_node("n3", storage_devices=())) == "n3"
    assert asked == ["n1", "n3"]
