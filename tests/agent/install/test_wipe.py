"""Which disks are emptied, and that it is looked whether they are."""

import pytest

from drydockd.agent.install import wipe
from drydockd.agent.install.programs import ToolFailed
from drydockd.agent.install.wipe import NotEmpty
from tests.agent.install.rig import MIB, Recorder, a_disk, a_file_disk

SIZE = 5 * MIB + 512


@pytest.fixture
def disk(tmp_path):
    return a_file_disk(tmp_path / "disk", SIZE)


def test_what_is_removable_read_only_or_of_a_network_is_spared():
    disks = [
        a_disk("vda"),
        a_disk("sda", is_removable=True),
        a_disk("sdb", is_readonly=True),
        a_disk("sdc", transport="network"),
    ]
    assert [disk.name for disk in wipe.own(disks)] == ["vda"]


def test_a_machine_without_disks_of_its_own_is_empty():
    programs = Recorder()
    wipe.wipe([a_disk(is_removable=True)], "quick", programs, None)
    assert programs.ran[-1] == "dmsetup remove_all"


def test_quick_is_signatures_a_hint_and_both_ends(disk):
    programs, told = Recorder("blkdiscard"), []
    wipe.wipe([disk], "quick", programs, lambda *what: told.append(what))
    assert f"wipefs --all --force {disk.path}" in programs.ran
    assert f"blkdiscard -f {disk.path}" in programs.ran
    with open(disk.path, "rb") as file:
        content = file.read()
    assert content[:MIB].count(0) == content[-MIB:].count(0) == MIB
    assert told == [(f"wipe-{disk.name}", 0)]


def test_full_zeroes_by_the_disk_or_by_hand_to_less_than_a_mib_from_the_end(disk):
    programs = Recorder()
    wipe.wipe([disk], "full", programs, lambda *_: None)
    assert f"blkdiscard -f -z {disk.path}" in programs.ran
    programs = Recorder("blkdiscard")
    wipe.wipe([disk], "full", programs, lambda *_: None)
    (by_hand,) = [ran for ran in programs.ran if ran.startswith("dd ")]
    assert by_hand.endswith(f"of={disk.path} bs=1M oflag=direct count=5")


def test_an_nvme_disk_is_formatted_and_a_failure_is_no_success():
    programs = Recorder("nvme format")
    with pytest.raises(ToolFailed, match="nvme format /dev/nvme0n1 --ses=1"):
        wipe._overwrite(a_disk("nvme0n1"), programs)


@pytest.mark.parametrize("at", [0, MIB - 1, SIZE - MIB, SIZE - 1])
def test_a_byte_that_is_not_zero_at_either_end_is_seen(disk, at):
    with open(disk.path, "r+b") as file:
        file.write(bytes(SIZE))
    wipe.check(disk)
    with open(disk.path, "r+b") as file:
        file.seek(at)
        file.write(b"\x01")
    with pytest.raises(NotEmpty, match="is not zero"):
        wipe.check(disk)


def test_a_disk_shorter_than_it_said_is_not_taken_for_empty(disk):
    with open(disk.path, "r+b") as file:
        file.truncate(MIB)
        file.write(bytes(MIB))
    with pytest.raises(NotEmpty):
        wipe.check(disk)
