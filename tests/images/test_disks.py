"""Reading the root out of a disk image: real file systems, mounted read-only."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from drydockd.errors import InvalidInput
from drydockd.images.disks import copy_root, parts_of, raw_of
from drydockd.images.workshop import workshop
from tests.images.trees import KERNEL, a_tree

pytestmark = [pytest.mark.peer("images"), pytest.mark.process, pytest.mark.slow]
MIB = 1 << 20


def a_disk(path, tree, *, boot=None):
    """A GPT disk of an ESP's kind of gap, a /boot of its own if given, and the root `tree`."""
    sizes = [8, *([16] if boot else []), 40]
    table = "label: gpt\n" + "".join(f"size={size}MiB\n" for size in sizes)
    with open(path, "wb") as file:
        file.truncate((sum(sizes) + 4) * MIB)
    subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True)
    offset = 1 + sizes[0]
    for source, size in zip([boot, tree] if boot else [tree], sizes[1:], strict=True):
        where = f"offset={offset * MIB}"
        subprocess.run(
            ["mke2fs", "-q", "-F", "-t", "ext4", "-E", where, "-d", source, path, f"{size}M"],
            check=True,
        )
        offset += size
    return path


def test_the_root_of_a_partitioned_disk_is_copied_and_the_disk_not_written(tmp_path):
    tree = a_tree(tmp_path / "tree")
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/sudo").write_text("x")
    (tree / "usr/bin/sudo").chmod(0o4755)
    disk = a_disk(tmp_path / "disk.raw", tree)
    before = hashlib.sha256(disk.read_bytes()).hexdigest()
    with workshop(tmp_path / "images", print) as shop:
        copy_root(shop, disk, tmp_path / "root")
    assert (tmp_path / "root/usr/bin/sudo").stat().st_mode & 0o7777 == 0o4755
    assert (tmp_path / "root/lib").is_symlink()
    assert hashlib.sha256(disk.read_bytes()).hexdigest() == before
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_a_boot_of_its_own_is_joined(tmp_path):
    tree = a_tree(tmp_path / "tree")
    boot = (tree / "boot").rename(tmp_path / "boot")
    (tree / "boot").mkdir()
    disk = a_disk(tmp_path / "disk.raw", tree, boot=boot)
    with workshop(tmp_path / "images", print) as shop:
        copy_root(shop, disk, tmp_path / "root")
    assert (tmp_path / f"root/boot/vmlinuz-{KERNEL}").is_file()


def test_a_file_system_without_partitions_is_the_root(tmp_path):
    tree = a_tree(tmp_path / "tree")
    disk = tmp_path / "disk.raw"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, disk, "40M"], check=True)
    (part,) = parts_of(disk)
    assert (part.offset, part.size, part.kind) == (0, 40 * MIB, "ext4")


def test_a_disk_without_a_root_is_refused(tmp_path):
    (tmp_path / "tree").mkdir()
    disk = a_disk(tmp_path / "disk.raw", tmp_path / "tree")
    with (
        workshop(tmp_path / "images", print) as shop,
        pytest.raises(InvalidInput, match=r"none has usr/lib/os-release"),
    ):
        copy_root(shop, disk, tmp_path / "root")
    empty = tmp_path / "empty.raw"
    empty.write_bytes(bytes(MIB))
    with pytest.raises(InvalidInput, match="no file system that can be read: ext2"):
        parts_of(empty)


def test_a_qcow2_becomes_raw_and_one_that_reads_other_files_is_refused(tmp_path):
    def make(path, *options):
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", *options, path, "1M"], check=True
        )
        return path

    with workshop(tmp_path / "images", print) as shop:
        raw = raw_of(shop, make(tmp_path / "a.qcow2"))
        assert raw.stat().st_size == MIB
        (tmp_path / "secret").write_bytes(bytes(MIB))
        thief = make(tmp_path / "b.qcow2", "-b", tmp_path / "secret", "-F", "raw")
        with pytest.raises(InvalidInput, match="secret; convert it"):
            raw_of(shop, thief)
