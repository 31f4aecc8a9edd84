"""Reading the root file system out of a disk image. Nothing is written to the image.

File systems are mounted read-only in a mount namespace of the program that copies them, so that
none stays mounted, not even after a kill. Source: contract, netboot, section 8.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from drydockd.errors import InvalidInput, Unavailable
from drydockd.images.workshop import Workshop, discard

NEEDS = {
    "qemu-img": "qemu-utils",
    "sfdisk": "fdisk",
    "blkid": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
}
# Neither replays its journal: the disk is only read.
READ_ONLY = {
    "ext2": "ro", "ext3": "ro,noload", "ext4": "ro,noload", "xfs": "ro,norecovery", "btrfs": "ro",
}  # fmt: skip
COPY = (
    'set -e; mount -t "$1" -o "$2,nodev,nosuid,noexec,loop,offset=$3,sizelimit=$4" "$5" "$6"; '
    'cp -a "$6/." "$7"'
)


@dataclass(frozen=True)
class Part:
    """A file system of a disk; `offset` and `size` in bytes, `kind` as blkid names it."""

    offset: int
    size: int
    kind: str


def raw_of(shop: Workshop, disk: Path) -> Path:
    """Return the disk as a raw file. Raises InvalidInput for one that needs other files."""
    said = _asked("qemu-img", "info", "--output=json", "-f", "qcow2", str(disk))
    about = json.loads(said)
    data = about.get("format-specific", {}).get("data", {})
    for other in (about.get("backing-filename"), data.get("data-file")):
        if other:
            raise InvalidInput(f"the disk image is a part of another file, {other}; convert it")
    raw = shop.place / "disk.raw"
    shop.run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(disk), str(raw))
    discard(disk)
    return raw


def parts_of(disk: Path) -> list[Part]:
    """Return the file systems of Linux on a raw disk, the largest first.

    Raises InvalidInput if there is none.
    """
    parts = []
    for offset, size in _partitions(disk):
        kind = _asked(
            "blkid", "-p", "-o", "value", "-s", "TYPE", "-O", str(offset), "-S", str(size),
            str(disk), may_be_empty=True,
        )  # fmt: skip
        if kind in READ_ONLY:
            parts.append(Part(offset, size, kind))
    if not parts:
        kinds = ", ".join(READ_ONLY)
        raise InvalidInput(f"the disk image has no file system that can be read: {kinds}")
    return sorted(parts, key=lambda part: -part.size)


def copy_root(shop: Workshop, disk: Path, root: Path) -> None:
    """Copy the root file system of a raw disk to `root`, a /boot of its own included.

    Raises InvalidInput if none of its file systems is a root.
    """
    boots = []
    found = False
    for number, part in enumerate(parts_of(disk)):
        copied = shop.place / f"part-{number}"
        _copy(shop, disk, part, copied)
        if not found and (copied / "usr/lib/os-release").is_file():
            found = True
            copied.rename(root)
        elif any(copied.glob("vmlinuz-*")):
            boots.append(copied)
        else:
            discard(copied)
    if not found:
        raise InvalidInput(
            "no file system of the disk image is a root: none has usr/lib/os-release"
        )
    for boot in boots:
        shop.run("cp", "-a", f"{boot}/.", str(root / "boot"))
        discard(boot)


def _copy(shop: Workshop, disk: Path, part: Part, target: Path) -> None:
    point = shop.place / "mounted"
    point.mkdir(exist_ok=True)
    target.mkdir()
    shop.run(
        "unshare", "--mount", "--propagation", "private", "sh", "-c", COPY, "copy",
        part.kind, READ_ONLY[part.kind], str(part.offset), str(part.size), str(disk), str(point),
        str(target),
    )  # fmt: skip


def _partitions(disk: Path) -> list[tuple[int, int]]:
    """Return offset and size of each in bytes; the whole disk if it has none."""
    done = subprocess.run(  # noqa: S603
        ["sfdisk", "--json", str(disk)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return [(0, disk.stat().st_size)]
    table = json.loads(done.stdout)["partitiontable"]
    sector = table.get("sectorsize", 512)
    return [(p["start"] * sector, p["size"] * sector) for p in table.get("partitions", ())]


def _asked(*command: str, may_be_empty: bool = False) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    # blkid(8): 2 is nothing found.
    if done.returncode and not (may_be_empty and done.returncode == 2):
        raise Unavailable(f"{command[0]}: exit status {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()
