"""What a host needs for the QEMU room, and how long it takes there: said before anything starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from drydockd.room.qemu.machine import QEMU, ovmf
from drydockd.room.qemu.wires import TUN

# Program or file -> Debian's package.
PROGRAMS = {
    QEMU: "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "ipmi_sim": "openipmi",
    "ipmitool": "ipmitool",
    "dnsmasq": "dnsmasq-base",
    "ip": "iproute2",
}
FILES = {
    Path("/usr/lib/ipxe/ipxe.efi"): "ipxe",
    Path("/usr/lib/ipxe/qemu/pxe-virtio.rom"): "ipxe-qemu",
}
# Wall clock on two cores of one machine, and of each more.
BUILD_SECONDS = 120
FIRST_SECONDS, NEXT_SECONDS = 240, 90


def lacking(
    more: Mapping[str, str],
    *,
    which: Callable[[str], str | None] = shutil.which,
    is_root: bool | None = None,
) -> list[str]:
    """Return what is missing, each as what to do about it; `more` are programs that are needed
    too, by package, as those that build images."""
    wanted, files = {**PROGRAMS, **more}, {ovmf()[0]: "ovmf", **FILES}
    packages = [package for program, package in wanted.items() if which(program) is None]
    packages += [package for file, package in files.items() if not file.exists()]
    found = [f"apt-get install {' '.join(dict.fromkeys(packages))}"] if packages else []
    if not (os.geteuid() == 0 if is_root is None else is_root):
        found.append("root (bridge, taps, DHCP): run it with sudo")
    if not TUN.exists():
        found.append(f"{TUN}: modprobe tun")
    return found


def sentence(machines: int, cores: int, built: Iterable[str]) -> str:
    """Return what is going to happen and how long it takes, roughly."""
    parts = list(built)
    seconds = FIRST_SECONDS + (machines - 1) * NEXT_SECONDS * 2 / max(cores, 2)
    if parts:
        seconds += BUILD_SECONDS
        first = f"builds {' and '.join(parts)} from Debian packages, once, then "
    else:
        first = ""
    noun = "machine" if machines == 1 else "machines"
    return (
        f"{first}installs {machines} {noun} in QEMU, without KVM: about "
        f"{max(1, round(seconds / 60))} minutes on {cores} cores that have nothing else to do"
    )
