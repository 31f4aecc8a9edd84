import pytest

from drydockd.design.rules import irrational_sizing as rule
from drydockd.site import LogicalVolume, VolumeGroup
from tests.design.rules.helpers import (
    a_disk,
    a_node,
    a_partition,
    a_site,
    levels,
    node_document,
    the_only,
    verdicts,
)


def a_device(name, *sizes):
    return a_disk(name, *(a_partition(f"p{i}", size) for i, size in enumerate(sizes)))


def a_group(name, *sizes):
    volumes = tuple(LogicalVolume(f"v{i}", size) for i, size in enumerate(sizes))
    return VolumeGroup(name, logical_volumes=volumes)


def a_layout(*devices, groups=()):
    return a_site(a_node("n1", storage_devices=devices, volume_groups=groups))


@pytest.mark.parametrize(
    "sizes", [("99%",), ("50%", "49%"), ("50%", ">49%"), ("10g", "99%"), ("9t", "9t"), ("0%",)]
)
def test_percentages_up_to_99_pass_and_absolute_sizes_do_not_count(sizes):
    assert not verdicts(rule, a_layout(a_device("sda", *sizes)))
    assert not verdicts(rule, a_layout(groups=(a_group("vg", *sizes),)))


@pytest.mark.parametrize("sizes", [("100%",), ("50%", "50%"), (">60%", "40%"), ("99%", "1%")])
def test_more_than_99_percent_is_one_error_for_the_container(sizes):  # V-13: crashed for groups
    found = the_only(verdicts(rule, a_layout(a_device("sda", *sizes, "1g"))))
    assert "device sda" in found.text
    assert found.documents == (node_document("n1"),)

    found = the_only(verdicts(rule, a_layout(groups=(a_group("vg", *sizes, "1g"),))))
    assert "volume group vg" in found.text


def test_containers_are_summed_by_themselves():  # V-13: 60 + 60 in two groups counted 120
    groups = (a_group("a", "60%"), a_group("b", "60%"))

    assert not verdicts(rule, a_layout(a_device("sda", "60%"), a_device("sdb", "60%")))
    assert not verdicts(rule, a_layout(a_device("sda", "1g"), a_device("sdb", "1g"), groups=groups))


def test_groups_are_judged_once_however_many_disks_there_are():  # V-13
    site = a_layout(a_device("sda", "1g"), a_device("sdb", "1g"), groups=(a_group("vg", "100%"),))

    assert len(verdicts(rule, site)) == 1


@pytest.mark.parametrize("size", [None, "", "10", "5%%", "5.5%", "10k", "10Gb", "%", "1 g"])
def test_a_size_outside_the_grammar_names_entry_and_container(size):  # V-13: crashed or passed
    found = the_only(verdicts(rule, a_layout(a_device("sda", "1g", size, "1g"))))
    assert found.level == "Error"
    assert "partition p1 of device sda" in found.text

    found = the_only(verdicts(rule, a_layout(groups=(a_group("vg", size),))))
    assert "logical volume v0 of volume group vg" in found.text


@pytest.mark.parametrize("size", ["-1%", ">-5%", "-2.5%"])
def test_a_negative_percentage_is_called_so(size):
    found = the_only(verdicts(rule, a_layout(a_device("sda", size))))

    assert "negative" in found.text
    assert "p0 of device sda" in found.text


def test_a_bad_size_hides_no_bad_sum():
    assert levels(verdicts(rule, a_layout(a_device("sda", "x", "100%")))) == ["Error", "Error"]
