"""A tree that has all a system must have, as far as files can tell."""

from drydockd.images.recipes import MUST_CONTAIN

KERNEL = "6.1.0-1-amd64"


def a_tree(root, without=()):
    """Make `root` an installable system of Debian, less the packages `without`."""
    units = root / "usr/lib/systemd/system"
    for folder in (
        "boot", "etc/ssh", "etc/cloud", "var/lib/dpkg", "var/lib/dbus", f"usr/lib/modules/{KERNEL}",
    ):  # fmt: skip
        (root / folder).mkdir(parents=True)
    units.mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    for name in (f"vmlinuz-{KERNEL}", f"initrd.img-{KERNEL}"):
        (root / "boot" / name).write_bytes(b"\x7f" * 5000)
    for unit in ("systemd-networkd.service", "systemd-networkd.socket"):
        (units / unit).write_text("[Unit]\n")
    (root / "usr/lib/os-release").write_text('ID=debian\nVERSION_CODENAME=bookworm\nX="a b"\n')
    (root / "etc/ssh/ssh_host_rsa_key").write_text("secret")
    (root / "etc/hostname").write_text("builder\n")
    (root / "etc/machine-id").write_text("0123\n")
    wanted = [*(names[0] for names in MUST_CONTAIN), "lvm2"]
    packages = [name for name in wanted if name not in without]
    status = [f"Package: {p}\nStatus: install ok installed\nVersion: 1.2\n" for p in packages]
    status.append("Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n")
    (root / "var/lib/dpkg/status").write_text("\n".join(status))
    return root
