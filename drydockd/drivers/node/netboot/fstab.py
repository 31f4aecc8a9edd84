"""/etc/fstab of the installed system. Pure. Source: fstab(5); contract, netboot, section 5."""

from __future__ import annotations

from drydockd.drivers.node.netboot.installplan import FilesystemEntry, StorageLayout

# xfs is never checked at boot; the root first, all others after it.
UNCHECKED = ("xfs", "btrfs", "vfat")
# systemd waits 90 s for a device, and then no system comes: a busy emulator needed more for its
# udev, and so do machines with many disks. Source: systemd.mount(5).
PATIENCE = "x-systemd.device-timeout"
PATIENCE_SECONDS = 600
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
    return f"UUID={entry.uuid} {where} {entry.kind} {_options(entry)} 0 {check}\n"


def _options(entry: FilesystemEntry) -> str:
    """The design's, whose own patience stays."""
    if any(option.partition("=")[0] == PATIENCE for option in entry.options.split(",")):
        return entry.options
    return f"{entry.options},{PATIENCE}={PATIENCE_SECONDS}"
