import pytest

from drydockd.design.rules import unmountable as rule
from drydockd.site import LogicalVolume, VolumeGroup
from tests.design.rules.helpers import (
    ROOT,
    a_disk,
    a_node,
    a_partition,
    a_site,
    the_only,
    verdicts,
)


def judged(*partitions, **fields):
    return verdicts(rule, a_site(a_node(storage_devices=(a_disk("sda", *partitions),), **fields)))


def test_absolute_mountpoints_and_none_pass():
    assert not judged(ROOT, a_partition("b", mountpoint="/boot"), a_partition("raw"))


@pytest.mark.parametrize("point", ["none", "swap"])
def test_swap_space_has_no_mountpoint(point):
    assert not judged(ROOT, a_partition("s", mountpoint=point, fstype="swap"))


@pytest.mark.parametrize(
    ("point", "meant"),
    [("var/log", "/var/log"), ("./srv", "/srv"), ("none", "/none"), (" /x", "//x")],
)
def test_a_relative_mountpoint_is_an_error(point, meant):
    found = the_only(judged(ROOT, a_partition("v", mountpoint=point)))

    assert (found.level, repr(point) in found.text) == ("Error", True)
    assert "did you mean" in found.hint


def test_root_for_the_root_is_one_error():
    found = the_only(judged(a_partition("root", mountpoint="root")))

    assert "did you mean /?" in found.hint


def test_nothing_mounted_at_the_root_is_an_error_where_a_volume_is_only_called_so():
    assert "nothing is mounted at /" in the_only(judged(a_partition("root"))).text


def test_without_any_root_volume_the_rule_of_the_root_volume_says_so():
    assert not judged(a_partition("x"))


def test_a_root_on_a_logical_volume_is_one():
    group = VolumeGroup("vg", logical_volumes=(LogicalVolume("r", "30g", mountpoint="/"),))

    assert not judged(a_partition("root"), volume_groups=(group,))
