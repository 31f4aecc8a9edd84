"""What agents and images are built of: Debian packages by suite. Recipes only, never images.

Source: contract, netboot, sections 7 and 8.
"""

from __future__ import annotations

from dataclasses import dataclass

MIRROR = "http://deb.debian.org/debian"
SUITES = {"debian-12": "bookworm", "debian-13": "trixie"}

# What the agent's system consists of; no systemd, no recommends.
AGENT_PACKAGES = (
    "mount", "kmod", "udev", "iproute2", "python3", "curl", "ca-certificates", "zstd", "fdisk",
    "parted", "e2fsprogs", "xfsprogs", "btrfs-progs", "dosfstools", "lvm2", "mdadm",
    "cryptsetup-bin", "lshw", "pciutils", "dmidecode", "efibootmgr", "ethtool", "nvme-cli",
    "hdparm", "squashfs-tools", "busybox-static",
)  # fmt: skip
# Kernel of the agent: for virtual machines, for metal.
KERNELS = {"cloud": "linux-image-cloud-amd64", "generic": "linux-image-amd64"}

# What an installed system must have to start from disk, by either firmware, and to be reached.
IMAGE_PACKAGES = (
    "initramfs-tools", "systemd-sysv", "udev", "grub-pc-bin", "grub-efi-amd64-bin", "grub2-common",
    "lvm2", "e2fsprogs", "xfsprogs", "dosfstools", "mdadm", "zstd", "iproute2", "kmod", "dbus",
    "openssh-server", "curl", "ca-certificates", "python3", "apt", "netbase",
)  # fmt: skip

# Left out of the agent's system; copyrights stay.
AGENT_EXCLUDES = (
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/i18n/*",
    "/usr/share/doc/*",
)
KEPT_DOCS = "/usr/share/doc/*/copyright"
# Removed at the end: ICU belongs to xfs_scrub alone, udev's compiled hwdb is enough.
AGENT_TRIM = (
    "usr/lib/udev/hwdb.d",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/share/perl",
    "usr/lib/x86_64-linux-gnu/perl",
    "usr/share/perl5",
    "usr/sbin/xfs_scrub",
    "var/lib/apt",
    "var/cache/apt",
    "var/cache/debconf",
    "usr/share/zoneinfo",
)
# In the initrd, before the squashfs can be mounted.
EARLY_MODULES = ("loop", "squashfs", "overlay")


@dataclass(frozen=True, slots=True)
class Recipe:
    """`suite` is Debian's, `kernel` a key of KERNELS."""

    name: str
    suite: str
    kernel: str = "generic"
    include: tuple[str, ...] = ()
    mirror: str = MIRROR


def suite_of(name: str) -> str | None:
    """Return the suite of an image name such as ``debian-12``."""
    return SUITES.get(name)
