"""What is in the tree of a system, and making it nobody's."""

import os

import pytest

from drydockd.errors import InvalidInput
from drydockd.images.contents import (
    bytes_of,
    features_of,
    folder_in,
    kernels_of,
    lacking,
    make_nobodys,
    packages_of,
    release_of,
)
from tests.images.trees import KERNEL, a_tree


def test_a_whole_system_lacks_nothing_and_is_described(tmp_path):
    root = a_tree(tmp_path / "root")
    assert lacking(root) == []
    assert kernels_of(root) == (KERNEL,)
    assert release_of(root) == "bookworm"
    assert packages_of(root)["lvm2"] == "1.2"
    assert "gone" not in packages_of(root)
    assert features_of(packages_of(root)) == ("lvm",)


def test_all_that_is_lacking_is_named_at_once(tmp_path):
    root = a_tree(tmp_path / "root", without=("lvm2", "curl", "initramfs-tools"))
    (root / f"boot/initrd.img-{KERNEL}").unlink()
    (root / "usr/lib/systemd/system/systemd-networkd.service").unlink()
    assert lacking(root) == [
        "initramfs-tools or dracut", "curl", f"boot/initrd.img-{KERNEL}", "systemd-networkd",
    ]  # fmt: skip


def test_a_tree_that_is_no_debian_and_has_no_kernel_says_so(tmp_path):
    assert [words.split(" ")[0] for words in lacking(tmp_path)] == [
        "dpkg's", "a", "systemd-networkd",
    ]  # fmt: skip


def test_a_kernel_without_its_modules_is_none(tmp_path):
    root = a_tree(tmp_path / "root")
    (root / "usr/lib/modules" / KERNEL).rmdir()
    assert kernels_of(root) == ()


def test_what_belonged_to_one_machine_is_gone(tmp_path):
    root = a_tree(tmp_path / "root")
    (root / "etc/resolv.conf").symlink_to("/etc/resolv.conf")
    said = make_nobodys(root)
    assert not list((root / "etc/ssh").glob("ssh_host_*"))
    assert not (root / "etc/hostname").exists()
    assert not (root / "etc/resolv.conf").is_symlink()
    assert (root / "etc/machine-id").read_text() == ""
    assert (root / "etc/cloud/cloud-init.disabled").exists()
    wants = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    assert os.readlink(wants) == "/usr/lib/systemd/system/systemd-networkd.service"
    assert "removed etc/hostname" in said
    assert make_nobodys(root)[:1] == ["turned cloud-init off: etc/cloud/cloud-init.disabled"]


def test_what_would_do_what_the_design_decides_is_off(tmp_path):
    root = a_tree(tmp_path / "root")
    scripts = root / "usr/share/initramfs-tools/scripts/local-bottom"
    for folder in (scripts, root / "etc/netplan", root / "etc/systemd/network"):
        folder.mkdir(parents=True)
    (scripts / "growroot").touch()
    (root / "etc/netplan/90-default.yaml").touch()
    (root / "etc/systemd/network/10-main.network").touch()
    said = make_nobodys(root)
    assert (root / "etc/growroot-disabled").exists()
    assert not list((root / "etc/netplan").iterdir())
    assert not list((root / "etc/systemd/network").glob("*.network"))
    assert "turned growroot off: etc/growroot-disabled" in said
    assert "removed etc/netplan/90-default.yaml" in said


def test_a_link_in_the_tree_leads_nobody_out_of_it(tmp_path):
    outside = tmp_path / "etc"
    outside.mkdir()
    (outside / "hostname").write_text("the builder itself")
    root = tmp_path / "root"
    root.mkdir()
    (root / "etc").symlink_to(outside)
    with pytest.raises(InvalidInput, match="etc is a link to"):
        make_nobodys(root)
    assert (outside / "hostname").exists()
    with pytest.raises(InvalidInput, match="must be a folder"):
        folder_in(root, "etc/systemd", make=True)


def test_bytes_are_whole_blocks_and_hard_links_count_once(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "one").write_bytes(b"x")
    (tmp_path / "two").write_bytes(b"x" * 4097)
    os.link(tmp_path / "two", tmp_path / "folder/again")
    assert bytes_of(tmp_path) == 4096 * (1 + 1 + 2)
