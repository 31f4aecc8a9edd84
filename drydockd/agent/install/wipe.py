"""Emptying every disk of the machine that is its own, and looking whether it is empty.

Source: contract, netboot, section 5, phase "wipe".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from drydockd.agent.install.disks import MIB, Disk, erase, release, zero_ends
from drydockd.agent.install.programs import Programs, ToolFailed


class NotEmpty(Exception):
    """A disk still has something where it was zeroed."""


def own(disks: Sequence[Disk]) -> list[Disk]:
    """Those that are neither removable, read-only nor of a network."""
    return [
        disk
        for disk in disks
        if not (disk.is_removable or disk.is_readonly or disk.transport == "network")
    ]


def wipe(
    disks: Sequence[Disk], how: str, programs: Programs, report: Callable[[str, int | None], None]
) -> None:
    """Wipe all; `how` is ``quick`` or ``full``. Raises ToolFailed, NotEmpty."""
    release(programs)
    chosen = own(disks)
    for number, disk in enumerate(chosen):
        report(f"wipe-{disk.name}", number * 100 // len(chosen))
        erase(disk, programs)
        if how == "full":
            _overwrite(disk, programs)
        else:
            # Only a hint to the disk, and not every disk takes it.
            programs.run("blkdiscard", "-f", disk.path, may_fail=True)
        zero_ends(disk)
        check(disk)


def _overwrite(disk: Disk, programs: Programs) -> None:
    day = 24 * 3600
    if disk.name.startswith("nvme"):
        programs.run("nvme", "format", disk.path, "--ses=1", "--force", seconds=day)
        return
    try:
        programs.run("blkdiscard", "-f", "-z", disk.path, seconds=day)
    except ToolFailed:
        # What is less than a MiB at the end is zeroed with the end.
        programs.run("dd", "if=/dev/zero", f"of={disk.path}", "bs=1M", "oflag=direct",
                     f"count={disk.size_bytes // MIB}", seconds=day)  # fmt: skip


def check(disk: Disk) -> None:
    """Read both ends back, from the disk and not from memory. Raises NotEmpty, OSError."""
    with open(disk.path, "rb") as device:
        os.posix_fadvise(device.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for start in (0, max(0, disk.size_bytes - MIB)):
            device.seek(start)
            wanted = min(MIB, disk.size_bytes - start)
            content = device.read(wanted)
            if content.count(0) != wanted:
                raise NotEmpty(f"disk {disk}: what was zeroed at byte {start} is not zero")
