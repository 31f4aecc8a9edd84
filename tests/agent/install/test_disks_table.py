"""A new partition table, and udev that holds the disk meanwhile. Loop devices have no partitions
everywhere, so that a recorder stands for the programs."""

import pytest

from drydockd.agent.install.disks import TABLE_TRIES, Disk, partition
from drydockd.agent.install.programs import ToolFailed

VDA = Disk("vda", 1 << 30)
ROOT = {"number": 1, "start_mib": 1, "size_mib": 100, "use": "linux", "name": "root"}


class Held:
    """The kernel refuses the table as often as a partition is `held`."""

    def __init__(self, held):
        self.held, self.ran = held, []

    def run(self, *command, given=None, may_fail=False):
        self.ran.append(command[0] if command[0] != "udevadm" else command[1])
        if command[0] == "blockdev" and self.held:
            self.held -= 1
            raise ToolFailed("blockdev: ioctl error on BLKRRPART: Device or resource busy")
        return ""


def test_udev_is_waited_for_before_the_kernel_is_told_and_after():
    programs = Held(0)
    partition(VDA, [ROOT], programs)
    assert programs.ran == ["sfdisk", "sh", "settle", "blockdev", "settle"]


def test_a_table_that_is_refused_because_udev_looks_is_tried_again():
    programs = Held(2)
    partition(VDA, [ROOT], programs)
    assert programs.ran == ["sfdisk", "sh", *["settle", "blockdev"] * 3, "settle"]


def test_a_disk_that_stays_in_use_fails_with_the_kernels_word():
    programs = Held(TABLE_TRIES + 1)
    with pytest.raises(ToolFailed, match="busy"):
        partition(VDA, [ROOT], programs)
    assert programs.ran.count("blockdev") == TABLE_TRIES
