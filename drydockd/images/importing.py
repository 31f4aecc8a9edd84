"""Importing a system that others built: a squashfs, a tar or a cloud disk image, with a checksum.

Each becomes a tree, is held against what a system must have to be installed, and enters the
catalogue as a squashfs. Source: contract, netboot, section 8.
"""

from __future__ import annotations

from pathlib import Path

from drydockd.errors import InvalidInput
from drydockd.images import disks
from drydockd.images.build import publish_root
from drydockd.images.catalogue import NAME, Image
from drydockd.images.contents import kernels_of, lacking, make_nobodys, release_of
from drydockd.images.fetching import Checksum, fetch, kind_of
from drydockd.images.workshop import Say, Workshop, discard, require, workshop

SQUASHFS = {"mksquashfs": "squashfs-tools"}
NEEDS = {
    "squashfs": SQUASHFS | {"unsquashfs": "squashfs-tools"},
    "tar": SQUASHFS | {"tar": "tar", "gzip": "gzip", "xz": "xz-utils", "zstd": "zstd"},
    "qcow2": SQUASHFS | disks.NEEDS,
    "raw": SQUASHFS | disks.NEEDS,
}
# What Debian's cloud images have in their tars.
DISK_IN_TAR = "disk.raw"


def import_image(
    folder: Path, name: str, source: str, checksum: Checksum, say: Say, release: str = ""
) -> Image:
    """Add `source`, a path or URL, to the catalogue as the image `name`.

    Raises InvalidInput with all that the system lacks, or if the checksum is another; Unavailable
    with what this host lacks, before anything is fetched but the first bytes.
    """
    if not NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name of an image: letters, digits, . _ -")
    require(SQUASHFS, "an import")
    with workshop(folder, say) as shop:
        kinds = []

        def look(head: bytes) -> None:
            kinds.append(kind_of(head))
            require(NEEDS[kinds[0]], f"the import of a {kinds[0]}")

        fetched, root = shop.place / "source", shop.place / "root"
        say(f"{name}: reading {source}")
        fetch(source, fetched, checksum, say, look)
        say(f"{name}: the {checksum.kind} is right; unpacking the {kinds[0]}")
        unpack(shop, kinds[0], fetched, root)
        if wanting := lacking(root):
            raise InvalidInput(
                f"{source} cannot be installed, it lacks: {'; '.join(wanting)}. Nothing was "
                "imported; add the packages to it, or build it: drydock image build"
            )
        for line in make_nobodys(root):
            say(f"{name}: {line}")
        return publish_root(
            shop, folder, root, name, kernels_of(root), release or release_of(root),
            f"{source} {checksum.kind}:{checksum.digits.lower()}",
        )  # fmt: skip


def unpack(shop: Workshop, kind: str, file: Path, root: Path) -> None:
    """Make the tree `root` of `file`, which is used up. Raises as `import_image`."""
    if kind == "squashfs":
        shop.run("unsquashfs", "-quiet", "-no-progress", "-dest", str(root), str(file))
        discard(file)
    elif kind == "tar":
        root.mkdir()
        shop.run(
            "tar", "-xpf", str(file), "--numeric-owner", "--xattrs", "--xattrs-include=*",
            "-C", str(root),
        )  # fmt: skip
        discard(file)
        if [path.name for path in root.iterdir()] == [DISK_IN_TAR]:
            disk = (root / DISK_IN_TAR).rename(shop.place / DISK_IN_TAR)
            root.rmdir()
            require(NEEDS["raw"], "the import of a disk in a tar")
            unpack(shop, "raw", disk, root)
    else:
        disk = disks.raw_of(shop, file) if kind == "qcow2" else file
        disks.copy_root(shop, disk, root)
        discard(disk)
