from drydockd.design.rules import ambiguous_partitioning as rule
from drydockd.site import VolumeGroup
from tests.design.rules.helpers import (
    ROOT,
    a_disk,
    a_node,
    a_partition,
    a_site,
    node_document,
    the_only,
    verdicts,
)


def with_disks(*disks, groups=()):
    return a_site(a_node("n1", storage_devices=disks, volume_groups=groups))


def test_partitions_or_a_volume_group_pass():
    site = with_disks(
        a_disk("sda", ROOT, a_partition("raw"), a_partition("pv", volume_group="data")),
        a_disk("sdb", volume_group="data"),
        a_disk("sdc", volume_group="implied"),
        groups=(VolumeGroup("data"),),
    )

    assert not verdicts(rule, site)


def test_a_device_with_partitions_and_a_volume_group_is_named():  # V-12
    found = the_only(verdicts(rule, with_disks(a_disk("sda", ROOT, volume_group="data"))))

    assert found.level == "Error"
    assert "device sda" in found.text
    assert found.documents == (node_document("n1"),)


def test_a_device_with_neither_is_named():
    found = the_only(verdicts(rule, with_disks(a_disk("sda", ROOT), a_disk("sdb"))))

    assert "device sdb" in found.text


def test_a_partition_with_a_filesystem_and_a_volume_group_is_named():  # V-12
    both = a_partition("both", mountpoint="/srv", volume_group="data")

    found = the_only(verdicts(rule, with_disks(a_disk("sda", ROOT, both))))

    assert "partition both" in found.text


def test_a_filesystem_without_mountpoint_counts_too():
    both = a_partition("both", fstype="ext4", volume_group="data")

    assert len(verdicts(rule, with_disks(a_disk("sda", ROOT, both)))) == 1


def test_a_volume_group_needs_a_physical_volume_on_its_own_node():  # V-12
    served = a_node(
        "n1",
        storage_devices=(a_disk("sda", volume_group="data"),),
        volume_groups=(VolumeGroup("data"),),
    )
    bare = a_node("n2", volume_groups=(VolumeGroup("data"),))

    found = the_only(verdicts(rule, a_site(served, bare)))

    assert "volume group data" in found.text
    assert found.documents == (node_document("n2"),)


def test_a_partitions_own_group_counts_not_its_devices():  # V-12
    site = with_disks(
        a_disk("sda", ROOT, a_partition("pv", volume_group="data")),
        groups=(VolumeGroup("data"),),
    )

    assert not verdicts(rule, site)


def test_nodes_that_share_a_layout_are_each_reported():
    disks = (a_disk("sda"),)
    nodes = [a_node(f"n{i}", storage_devices=disks) for i in (1, 2)]

    found = verdicts(rule, a_site(*nodes))

    assert [v.documents for v in found] == [(node_document("n1"),), (node_document("n2"),)]
