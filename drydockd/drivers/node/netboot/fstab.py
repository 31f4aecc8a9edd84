"""/etc/fstab of the installed system. Pure. Source: fstab(5); contract, netboot, section 5."""

from __future__ import annotations

from drydockd.drivers.node.netboot.installplan import FilesystemEntry, StorageLayout

# xfs is never checked at boot; the root first, all others after it.
UNCHECKED = ("xfs", "btrfs", "vfat")
_ESCAPES = {" ": "\\040", "\t": "\\011", "\n": "\\012", "\\": "\\134"}


def fstab(layout: StorageLayout) -> str:
    """Return the whole file: parents before what is mounted below them, all by UUID."""
    entries = sorted(layout.filesystems, key=lambda entry: (depth(entry.mountpoint), entry.uuid))
    return "".join(_line(entry) for entry in entries)


def depth(mountpoint: str) -> int:
    """How far below ``/`` a mountpoint is: mount in this order."""
    return len([part for part in mountpoint.split("/") if part])


def _line(entry: FilesystemEntry) -> str:
    check = 0 if entry.kind in UNCHECKED else 1 if entry.mountpoint == "/" else 2
    where = "".join(_ESCAPES.get(letter, letter) for letter in entry.mountpoint)
    return f"UUID={entry.uuid} {where} {entry.kind} {entry.options} 0 {check}\n"
