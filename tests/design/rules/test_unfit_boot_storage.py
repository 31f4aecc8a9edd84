import pytest

from drydockd.design.rules import unfit_boot_storage as rule
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


def with_partitions(*partitions, groups=()):
    return a_site(a_node("n1", storage_devices=(a_disk("sda", *partitions),), volume_groups=groups))


def root(size, name="system", mountpoint="/"):
    return a_partition(name, size, mountpoint=mountpoint)


def boot(size, name="kernels", mountpoint="/boot"):
    return a_partition(name, size, mountpoint=mountpoint)


@pytest.mark.parametrize(
    "size", ["20g", "20000m", "19gi", "19GiB", "1t", ">20g", "30%", ">1%", "100%"]
)
def test_twenty_gigabytes_or_a_percentage_pass(size):  # V-8: binary units, minima
    assert not verdicts(rule, with_partitions(root(size)))


@pytest.mark.parametrize("size", ["19g", "19999m", ">19g", "18gi", "0t"])
def test_a_smaller_root_is_an_error(size):
    found = the_only(verdicts(rule, with_partitions(root(size))))

    assert found.level == "Error"
    assert size in found.text
    assert found.documents == (node_document("n1"),)


@pytest.mark.parametrize("size", [None, "", "20", "20b", "20Gb", "20gxyz", "-1%", "5.5%", " 20g"])
def test_a_root_size_that_cannot_be_read_is_the_only_error(size):  # V-8: crashes, two errors
    found = the_only(verdicts(rule, with_partitions(root(size))))

    assert "bad size format" in found.text


def test_a_missing_root_is_an_error():
    found = the_only(verdicts(rule, a_site(a_node("n1", storage_devices=()))))

    assert "no root volume" in found.text
    assert found.documents == (node_document("n1"),)


def test_root_is_what_is_mounted_at_slash_whatever_its_name():  # V-8: went by names only
    site = with_partitions(root("1g", name="root", mountpoint="/old"), root("30g", name="new"))

    assert not verdicts(rule, site)


def test_without_a_mountpoint_the_name_counts():
    assert not verdicts(rule, with_partitions(root("30g", name="root", mountpoint=None)))
    small = root("1g", name="root", mountpoint=None)
    assert len(verdicts(rule, with_partitions(small))) == 1


@pytest.mark.parametrize("entry", [("root", None), ("system", "/")])
def test_root_may_be_a_logical_volume(entry):  # V-8
    name, mountpoint = entry
    volume = LogicalVolume(name, "30g", mountpoint=mountpoint)
    group = VolumeGroup("vg", logical_volumes=(volume,))

    assert not verdicts(rule, with_partitions(a_partition("pv"), groups=(group,)))


@pytest.mark.parametrize("size", ["1g", "1000m", ">1g", "1gib", "2%"])
def test_one_gigabyte_of_boot_passes(size):
    assert not verdicts(rule, with_partitions(root("20g"), boot(size)))


@pytest.mark.parametrize("size", ["999m", ">512mib", "0g"])
def test_a_smaller_boot_is_an_error(size):
    assert "boot volume" in the_only(verdicts(rule, with_partitions(root("20g"), boot(size)))).text


@pytest.mark.parametrize("size", [None, "1"])
def test_a_boot_size_that_cannot_be_read_is_an_error(size):
    found = the_only(verdicts(rule, with_partitions(root("20g"), boot(size))))

    assert "boot" in found.text
    assert "bad size format" in found.text


def test_boot_is_judged_wherever_it_stands():  # V-8: only behind root
    site = with_partitions(boot("1m", name="boot", mountpoint=None), root("20g"))

    assert len(verdicts(rule, site)) == 1


def test_root_and_boot_are_judged_independently():
    assert len(verdicts(rule, with_partitions(boot("1m")))) == 2


def test_nodes_that_share_their_storage_are_each_reported():
    disks = (a_disk("sda", root("1g")),)
    nodes = [a_node(name, storage_devices=disks) for name in ("n1", "n2")]

    found = verdicts(rule, a_site(*nodes))

    assert [v.documents[0].name for v in found] == ["n1", "n2"]
    assert "n2" in found[1].text
