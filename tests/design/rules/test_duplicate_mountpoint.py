from drydockd.design.rules import duplicate_mountpoint as rule
from drydockd.site import LogicalVolume, VolumeGroup
from tests.design.rules.helpers import (
    a_disk,
    a_node,
    a_partition,
    a_site,
    node_document,
    the_only,
    verdicts,
)


def partitions(*mountpoints):
    entries = [a_partition(f"p{i}", mountpoint=m) for i, m in enumerate(mountpoints)]
    return (a_disk("sda", *entries),)


def group(*mountpoints):
    volumes = [LogicalVolume(f"v{i}", "1g", mountpoint=m) for i, m in enumerate(mountpoints)]
    return VolumeGroup("data", logical_volumes=tuple(volumes))


def test_distinct_and_missing_mountpoints_pass():
    node = a_node(
        storage_devices=partitions("/", "/boot", None, None), volume_groups=(group("/srv", None),)
    )

    assert not verdicts(rule, a_site(node))


def test_a_mountpoint_used_twice_is_named_once():
    node = a_node("n1", storage_devices=partitions("/", "/a", "/a", "/a"))

    found = the_only(verdicts(rule, a_site(node)))

    assert found.level == "Error"
    assert "mountpoint /a " in found.text
    assert found.documents == (node_document("n1"),)


def test_every_duplicate_of_every_node_is_reported():  # V-14: the first one only
    twice = partitions("/a", "/b", "/a", "/b")

    found = verdicts(rule, a_site(*(a_node(n, storage_devices=twice) for n in ("n1", "n2"))))

    assert [v.documents[0].name for v in found] == ["n1", "n1", "n2", "n2"]


def test_partitions_and_volumes_are_compared_with_each_other():
    node = a_node(storage_devices=partitions("/", "/srv"), volume_groups=(group("/srv"),))

    assert len(verdicts(rule, a_site(node))) == 1


def test_a_group_that_spans_two_disks_is_no_duplicate_of_itself():  # V-14
    disks = (a_disk("sda", volume_group="data"), a_disk("sdb", volume_group="data"))
    node = a_node(storage_devices=disks, volume_groups=(group("/srv", "/var"),))

    assert not verdicts(rule, a_site(node))


def test_a_group_without_a_whole_device_is_looked_at():  # V-14
    node = a_node(volume_groups=(group("/srv", "/srv"),))

    assert len(verdicts(rule, a_site(node))) == 1


def test_trailing_slashes_make_no_difference():  # V-14
    node = a_node(storage_devices=partitions("/", "//", "/a", "/a/"))

    assert ["/ " in v.text or "/a " in v.text for v in verdicts(rule, a_site(node))] == [True] * 2
