"""Importing systems that others built."""

import hashlib
import subprocess

import pytest

from drydockd.errors import InvalidInput, Unavailable
from drydockd.images import workshop
from drydockd.images.catalogue import ImageCatalogue
from drydockd.images.fetching import Checksum
from drydockd.images.importing import import_image
from drydockd.images.writing import verify
from tests.images.trees import KERNEL, a_tree

pytestmark = [pytest.mark.peer("images"), pytest.mark.process, pytest.mark.slow]


@pytest.fixture
def take(tmp_path):
    """Import a file as the image ``other``; what was said is in `take.said`."""

    def take(path, name="other"):
        digits = hashlib.sha256(path.read_bytes()).hexdigest()
        return import_image(
            tmp_path / "images", name, str(path), Checksum("sha256", digits), take.said.append
        )

    take.said = []
    take.folder = tmp_path / "images"
    return take


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def packed(tmp_path, tree, how):
    path = tmp_path / f"system.{how}"
    if how == "squashfs":
        command = ["mksquashfs", tree, path, "-quiet", "-no-progress", "-comp", "gzip"]
    else:
        flag = {"tar": [], "tar.gz": ["-z"], "tar.xz": ["-J"], "tar.zst": ["--zstd"]}[how]
        command = ["tar", "-c", *flag, "-f", path, "-C", tree, "."]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.mark.parametrize("how", ["squashfs", "tar", "tar.gz", "tar.xz", "tar.zst"])
def test_a_whole_system_becomes_a_squashfs_of_nobodys(take, tmp_path, how):
    image = take(packed(tmp_path, a_tree(tmp_path / "tree"), how))
    assert (image.kind, image.release, image.kernels) == ("squashfs", "bookworm", (KERNEL,))
    assert image.packages["udev"] == "1.2"
    assert f"system.{how} sha256:" in image.source
    assert verify(take.folder, image) == []
    assert left(take.folder) == [".lock", "blobs", "other.yaml"]
    blob = ImageCatalogue(take.folder).blob(image.sha256)
    listed = subprocess.run(
        ["unsquashfs", "-lc", blob], capture_output=True, text=True, check=True
    ).stdout
    assert f"boot/vmlinuz-{KERNEL}" in listed
    assert "ssh_host" not in listed


def test_a_cloud_disk_and_one_in_a_tar_are_imported(take, tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    raw, qcow2 = folder / "disk.raw", tmp_path / "disk.qcow2"
    tree = a_tree(tmp_path / "tree")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, raw, "40M"], check=True)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, qcow2], check=True)
    subprocess.run(["tar", "-cJf", tmp_path / "disk.tar.xz", "-C", folder, "disk.raw"], check=True)
    for path in (qcow2, raw, tmp_path / "disk.tar.xz"):
        assert take(path).kernels == (KERNEL,)
    assert left(take.folder) == [".lock", "blobs", "other.yaml"]


def test_a_system_without_lvm_is_taken_and_known_for_it(take, tmp_path):
    tree = a_tree(tmp_path / "tree", without=("lvm2",))
    assert "lvm" not in take(packed(tmp_path, tree, "tar")).features


def test_a_system_that_cannot_be_installed_is_refused_with_all_it_lacks(take, tmp_path):
    tree = a_tree(tmp_path / "tree", without=("grub2-common", "grub-pc-bin"))
    words = r"it lacks: grub-pc-bin; grub2-common\. Nothing was imported"
    with pytest.raises(InvalidInput, match=words):
        take(packed(tmp_path, tree, "tar"))
    assert left(take.folder) == [".lock"]


def test_a_wrong_checksum_a_bad_name_and_no_archive_leave_nothing(take, tmp_path):
    path = packed(tmp_path, a_tree(tmp_path / "tree"), "tar")
    with pytest.raises(InvalidInput, match="nothing was imported"):
        import_image(take.folder, "x", str(path), Checksum("sha256", "a" * 64), print)
    with pytest.raises(InvalidInput, match="no name of an image"):
        take(path, "../x")
    (tmp_path / "page").write_text("<html>" * 1000)
    with pytest.raises(InvalidInput, match="no squashfs"):
        take(tmp_path / "page")
    assert left(take.folder) == [".lock"]


def test_what_the_kind_needs_is_named_before_the_rest_is_read(take, tmp_path, monkeypatch):
    disk = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1M"], check=True)
    which = workshop.shutil.which
    monkeypatch.setattr(
        workshop.shutil, "which", lambda name: None if name == "qemu-img" else which(name)
    )
    with pytest.raises(Unavailable, match=r"import of a qcow2 needs qemu-img; .* qemu-utils"):
        take(disk)
