"""Volumes and file systems: the commands, and real ones read back."""

import shutil
import subprocess

import pytest

from drydockd.agent.install.filesystems import LONGEST_LABEL, CannotMake, Storage, check, command
from drydockd.agent.install.programs import Programs
from drydockd.drivers.node.netboot.layout import LABELS
from tests.agent.install.rig import MIB, Recorder, a_disk, quiet

UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def an_entry(kind="ext4", uuid=UUID, mountpoint="/", label=None, place=None):
    return {"kind": kind, "uuid": uuid, "mountpoint": mountpoint, "label": label,
            "options": "defaults", "place": place or {"disk": 0, "partition": 1}}  # fmt: skip


PLAN = {
    "groups": [
        {
            "name": "vg-a", "uuid": UUID,
            "members": [{"disk": 0, "partition": 2}, {"disk": 1, "partition": None}],
            "volumes": [{"name": "root", "extents": 25, "uuid": None},
                        {"name": "log", "extents": 3, "uuid": UUID}],
        }
    ],
    "filesystems": [
        an_entry(mountpoint="/var/log", place={"group": "vg-a", "volume": "log"}),
        an_entry(mountpoint="/boot/efi", kind="vfat", uuid="AB12-CD34",
                 place={"disk": 0, "partition": 15}),
        an_entry(mountpoint="/", place={"group": "vg-a", "volume": "root"}),
        an_entry(mountpoint="/boot", place={"disk": 0, "partition": 1}),
    ],
}  # fmt: skip


@pytest.fixture
def programs():
    return Recorder()


@pytest.fixture
def storage(programs):
    return Storage(PLAN, [a_disk("vda"), a_disk("nvme0n1")], programs)


def test_volumes_are_made_of_extents_and_keep_the_designs_uuids(storage, programs):
    storage.make_volumes()
    assert programs.ran == [
        "pvcreate -ff -y /dev/vda2",
        "pvcreate -ff -y /dev/nvme0n1",
        "vgcreate vg-a /dev/vda2 /dev/nvme0n1",
        f"vgchange --addtag uuid-{UUID} vg-a",
        "lvcreate -y -Wy -n root -l 25 vg-a",
        f"lvcreate -y -Wy -n log -l 3 --addtag uuid-{UUID} vg-a",
    ]


def test_parents_are_mounted_first(storage, programs, tmp_path):
    storage.mount(tmp_path)
    assert programs.ran == [
        f"mount -t ext4 /dev/vg-a/root {tmp_path}",
        f"mount -t ext4 /dev/vda1 {tmp_path}/boot",
        f"mount -t ext4 /dev/vg-a/log {tmp_path}/var/log",
        f"mount -t vfat /dev/vda15 {tmp_path}/boot/efi",
    ]
    assert (tmp_path / "var/log").is_dir()


def test_what_is_finished_is_let_go_of(storage, programs, tmp_path):
    storage.unmount(tmp_path)
    storage.deactivate()
    assert programs.ran == [f"umount -R {tmp_path}", "vgchange -an vg-a"]


@pytest.mark.parametrize(
    ("path", "mountpoint", "within"),
    [("/", "/", "/"), ("/boot", "/boot", "/"), ("/boot/grub", "/boot", "/grub"),
     ("/boots", "/", "/boots"), ("/var/log/x", "/var/log", "/x"), ("/var", "/", "/var")],
)  # fmt: skip
def test_a_path_lies_in_the_deepest_file_system_that_holds_it(storage, path, mountpoint, within):
    entry, inside = storage.place_of(path)
    assert (entry["mountpoint"], inside) == (mountpoint, within)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (an_entry("zfs"), "kind zfs; there are ext4"),
        (an_entry("vfat", "AB12-CD34", label="twelve chars"), "vfat has 11 bytes"),
        (an_entry("xfs", label="thirteen-char"), "xfs has 12 bytes"),
        (an_entry("ext4", label="seventeen-letters"), "ext4 has 16 bytes"),
        (an_entry("vfat", UUID), "vfat takes 1234-ABCD"),
        (an_entry("xfs", "AB12-CD34"), "xfs takes a UUID"),
    ],
)
def test_what_no_program_would_make_is_found_before_anything_is_written(entry, words):
    with pytest.raises(CannotMake, match=words):
        check([an_entry(), entry])


def test_the_command_of_btrfs():
    assert command(an_entry("btrfs", label="b"), "/dev/vda1") == [
        "mkfs.btrfs", "-f", "-q", "-K", "-L", "b", "-U", UUID, "/dev/vda1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "label", "uuid"),
    [
        ("ext4", "sixteen-letters-", UUID),
        ("ext3", None, UUID),
        ("ext2", "two", UUID),
        ("xfs", "twelve-chars", UUID),
        ("vfat", "ELEVEN-CHAR", "AB12-CD34"),
        ("btrfs", "b" * 255, UUID),
    ],
)
def test_a_real_file_system_has_the_label_and_the_uuid_of_the_plan(tmp_path, kind, label, uuid):
    if shutil.which(f"mkfs.{kind}") is None or shutil.which("blkid") is None:
        pytest.skip(f"needs mkfs.{kind} and blkid")
    file = tmp_path / "disk"
    with open(file, "wb") as made:
        made.truncate(320 * MIB)
    entry = an_entry(kind, uuid, label=label)
    check([entry])
    Programs(quiet()).run(*command(entry, str(file)))
    assert probed(file) == {"TYPE": kind, "UUID": uuid, "LABEL": label or ""}


def probed(path):
    said = subprocess.run(["blkid", "-p", "-o", "export", path], capture_output=True, text=True,
                          check=True).stdout  # fmt: skip
    found = dict(line.partition("=")[::2] for line in said.splitlines())
    return {name: found.get(name, "") for name in ("TYPE", "UUID", "LABEL")}


def test_the_server_refuses_the_same_labels_before_any_machine_is_started():
    assert LABELS == LONGEST_LABEL
