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

# What an imported system must have, each as one of these packages. Section 8, "Must contain"; but
# lvm2, which Debian's cloud images lack: designs with volume groups are refused on such an image.
MUST_CONTAIN = (
    ("initramfs-tools", "dracut"), ("systemd-sysv",), ("udev",), ("grub-pc-bin",),
    ("grub-efi-amd64-bin",), ("grub2-common",), ("e2fsprogs",), ("dosfstools",),
    ("iproute2",), ("openssh-server",), ("curl",),
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
# Removed at the end: what nothing runs in the agent's system. ICU belongs to xfs_scrub alone, perl
# to the packages' own scripts, udev's hwdb to keyboards and names.
AGENT_TRIM = (
    "usr/lib/udev/hwdb.d",
    "usr/lib/udev/hwdb.bin",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/libicu*",
    "usr/bin/perl*",
    "usr/share/perl*",
    "usr/lib/x86_64-linux-gnu/perl*",
    "usr/lib/x86_64-linux-gnu/libperl*",
    "usr/sbin/xfs_scrub*",
    "usr/lib/python3*/pydoc_data",
    "usr/lib/python3*/lib2to3",
    "usr/lib/python3*/ensurepip",
    "usr/lib/python3*/unittest",
    "usr/lib/python3*/sqlite3",
    "usr/share/zoneinfo",
    "var/lib/apt",
    "var/cache/apt",
    "var/cache/debconf",
)
# How paths below the kernel's modules begin that are removed at the end: no disk, NIC, file system
# or BMC needs them. One that a module which stays depends on stays too (some NICs' flow tables).
AGENT_MODULES_TRIM = (
    "arch/x86/kvm/", "sound/",
    "drivers/accessibility/", "drivers/block/rbd.", "drivers/bluetooth/", "drivers/comedi/",
    "drivers/gnss/", "drivers/gpu/drm/amd/", "drivers/gpu/drm/i915/", "drivers/gpu/drm/nouveau/",
    "drivers/gpu/drm/radeon/", "drivers/gpu/drm/xe/", "drivers/iio/", "drivers/infiniband/",
    "drivers/input/joystick/", "drivers/input/touchscreen/", "drivers/isdn/", "drivers/media/",
    "drivers/net/can/", "drivers/net/hamradio/", "drivers/net/wireless/", "drivers/net/wwan/",
    "drivers/nvme/host/nvme-rdma.", "drivers/nvme/target/", "drivers/staging/", "drivers/target/",
    "drivers/usb/gadget/", "drivers/vhost/", "drivers/w1/", "drivers/xen/xen-scsiback.",
    "fs/9p/", "fs/afs/", "fs/ceph/", "fs/coda/", "fs/dlm/", "fs/gfs2/", "fs/hfs/", "fs/hfsplus/",
    "fs/jffs2/", "fs/jfs/", "fs/lockd/", "fs/nfs", "fs/nilfs2/", "fs/ntfs", "fs/ocfs2/",
    "fs/orangefs/", "fs/reiserfs/", "fs/smb/", "fs/ubifs/", "fs/ufs/",
    "net/9p/", "net/appletalk/", "net/atm/", "net/ax25/", "net/batman-adv/", "net/bluetooth/",
    "net/bridge/netfilter/", "net/can/", "net/ceph/", "net/ieee802154/", "net/ipv4/netfilter/",
    "net/ipv6/netfilter/", "net/mac80211/", "net/netfilter/", "net/nfc/", "net/openvswitch/",
    "net/rds/", "net/sched/", "net/sctp/", "net/smc/", "net/sunrpc/", "net/tipc/", "net/wireless/",
)  # fmt: skip
# zstd of the squashfs. An image is unpacked once per installation; the agent is read by every start
# of every machine: 67, 62, 59 MB after 1.3, 3.4, 24 s of one CPU at levels 3, 9, 15.
IMAGE_LEVEL, AGENT_LEVEL = 3, 9
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
