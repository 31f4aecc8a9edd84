from drydockd.design.adopt.classes import disk_to_install_on, slug
from drydockd.design.adopt.machine import Disk

GB = 10**9


def test_the_smallest_fixed_disk_that_a_system_fits_on_is_the_boot_disk():
    stick, tiny = Disk("sda", size_bytes=30 * GB, is_fixed=False), Disk("sdb", size_bytes=8 * GB)
    small, large = Disk("sdc", size_bytes=480 * GB), Disk("sdd", size_bytes=4000 * GB)
    assert disk_to_install_on([stick, tiny, large, small]) is small
    assert disk_to_install_on([stick, tiny]) is tiny
    assert disk_to_install_on([stick]) is None


def test_a_slug_is_part_of_a_name():
    assert slug("Standard PC (Q35)") == "standard-pc-q35"
