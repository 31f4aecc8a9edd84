import pytest

from drydockd.design.rules import rest_not_last as rule
from drydockd.site import LogicalVolume, VolumeGroup
from tests.design.rules.helpers import a_disk, a_node, a_partition, a_site, the_only, verdicts


def judged(*sizes):
    disk = a_disk("sda", *(a_partition(f"p{i}", size) for i, size in enumerate(sizes)))
    return verdicts(rule, a_site(a_node("n1", storage_devices=(disk,))))


@pytest.mark.parametrize("sizes", [("30g", ">20g"), (">20g",), ("10%", "30g"), (">20g", "x")])
def test_one_rest_at_the_end_passes(sizes):
    assert not judged(*sizes)


@pytest.mark.parametrize("last", [">10g", "10g", "5m", "10%", ">1%", ">1m", "1%"])
def test_what_nothing_is_left_for_is_an_error(last):
    found = the_only(judged(">20g", last))

    assert found.level == "Error"
    assert "p1 " in found.text
    assert "nothing is left" in found.text


@pytest.mark.parametrize("last", ["4m", "1mi", "0%", ">0m"])
def test_what_fits_into_the_few_bytes_left_is_a_warning_that_says_how_many(last):
    found = the_only(judged(">20g", last))

    assert found.level == "Warning"
    assert "4194304 bytes" in found.text


def test_volume_groups_are_judged_alike_and_each_by_itself():
    groups = tuple(
        VolumeGroup(name, logical_volumes=tuple(LogicalVolume(s, s) for s in sizes))
        for name, sizes in (("a", (">1g",)), ("b", (">1g", "1g")))
    )

    found = the_only(verdicts(rule, a_site(a_node("n1", volume_groups=groups))))

    assert "volume group b" in found.text
