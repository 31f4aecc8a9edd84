"""What is in the tree of a system: packages, kernels, bytes, what it lacks; and making it nobody's.

Trees are foreign: no name in them is followed out of them. Source: contract, netboot, section 8.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from drydockd.errors import InvalidInput
from drydockd.images.recipes import MUST_CONTAIN

BLOCK_BYTES = 4096
# Networks of the image's own, as DHCP on every port: a spare one would hold up the start.
NETWORKS = (
    ("etc/netplan", "*.yaml"),
    ("etc/systemd/network", "*.network"),
    ("etc/systemd/network", "*.netdev"),
    ("etc/systemd/network", "*.link"),
)
UNITS = "usr/lib/systemd/system"
WANTED = {
    "multi-user.target.wants": "systemd-networkd.service",
    "sockets.target.wants": "systemd-networkd.socket",
    "network-online.target.wants": "systemd-networkd-wait-online.service",
}


def packages_of(root: Path) -> dict[str, str]:
    """Return package and version of all that dpkg says is installed; {} without a dpkg."""
    path = folder_in(root, "var/lib/dpkg") / "status"
    if path.is_symlink() or not path.is_file():
        return {}
    found = {}
    for block in path.read_text(encoding="utf-8", errors="replace").split("\n\n"):
        lines = [line for line in block.splitlines() if ": " in line and not line[0].isspace()]
        fields = dict(line.split(": ", 1) for line in lines)
        if fields.get("Status", "").endswith(" ok installed"):
            found[fields["Package"]] = fields["Version"]
    return found


def kernels_of(root: Path) -> tuple[str, ...]:
    """Return the versions for which there are a kernel and its modules."""
    boot = folder_in(root, "boot")
    names = (path.name.removeprefix("vmlinuz-") for path in boot.glob("vmlinuz-*"))
    modules = _modules(root)
    return tuple(sorted(name for name in names if (modules / name).is_dir()))


def bytes_of(root: Path) -> int:
    """Return what the files take on a file system of 4 KiB blocks; hard links count once."""
    total, seen = 0, set()
    for folder, folders, files in os.walk(root):
        total += BLOCK_BYTES * len(folders)
        for name in files:
            about = os.lstat(os.path.join(folder, name))
            if about.st_nlink > 1:
                if (about.st_dev, about.st_ino) in seen:
                    continue
                seen.add((about.st_dev, about.st_ino))
            total += -(-about.st_size // BLOCK_BYTES) * BLOCK_BYTES
    return total


def release_of(root: Path) -> str:
    """Return the code name of the release, else its number, else nothing. Source: os-release(5)."""
    path = folder_in(root, "usr/lib") / "os-release"
    if path.is_symlink() or not path.is_file():
        return ""
    words = shlex.split(path.read_text(encoding="utf-8", errors="replace"), comments=True)
    values = dict(word.split("=", 1) for word in words if "=" in word)
    return values.get("VERSION_CODENAME") or values.get("VERSION_ID") or ""


def lacking(root: Path) -> list[str]:
    """Return what an installable system has and this one lacks, by name; [] if it has all."""
    packages = packages_of(root)
    found = [] if packages else ["dpkg's list of packages (is it a Debian or Ubuntu?)"]
    if packages:
        found += [
            " or ".join(names) for names in MUST_CONTAIN if not any(n in packages for n in names)
        ]
    kernels = kernels_of(root)
    if not kernels:
        found.append("a kernel: boot/vmlinuz-VERSION with lib/modules/VERSION")
    boot = folder_in(root, "boot")
    found += [f"boot/initrd.img-{k}" for k in kernels if not (boot / f"initrd.img-{k}").is_file()]
    if not _networkd(root):
        found.append("systemd-networkd")
    return found


def features_of(packages: dict[str, str]) -> tuple[str, ...]:
    """Return what disks may be laid out with."""
    bring = {"lvm": "lvm2", "md": "mdadm", "xfs": "xfsprogs"}
    return tuple(feature for feature, package in bring.items() if package in packages)


def make_nobodys(root: Path) -> list[str]:
    """Take away what belongs to one machine, turn on networkd and off what would do what the
    design decides: cloud-init, DHCP on any port, a root that grows. Say what.

    Raises InvalidInput if a folder of it is a link.
    """
    done = []
    etc, ssh = folder_in(root, "etc"), folder_in(root, "etc/ssh")
    own = [*ssh.glob("ssh_host_*"), etc / "hostname", etc / "resolv.conf"]
    for folder, pattern in NETWORKS:
        own += folder_in(root, folder).glob(pattern)
    for path in own:
        if path.is_symlink() or path.exists():
            path.unlink()
            done.append(f"removed {path.relative_to(root)}")
    machine = etc / "machine-id"
    machine.unlink(missing_ok=True)
    machine.write_text("")
    (folder_in(root, "var/lib/dbus") / "machine-id").unlink(missing_ok=True)
    if (etc / "cloud").is_dir():
        (folder_in(root, "etc/cloud") / "cloud-init.disabled").write_text("")
        done.append("turned cloud-init off: etc/cloud/cloud-init.disabled")
    if (folder_in(root, "usr/share/initramfs-tools/scripts/local-bottom") / "growroot").exists():
        (etc / "growroot-disabled").write_text("")
        done.append("turned growroot off: etc/growroot-disabled")
    done += _enable_networkd(root)
    return done


def _enable_networkd(root: Path) -> Iterator[str]:
    for target, unit in WANTED.items():
        if (_networkd(root) or Path()).with_name(unit).exists():
            wants = folder_in(root, f"etc/systemd/system/{target}", make=True)
            if not (wants / unit).is_symlink():
                (wants / unit).symlink_to(f"/{UNITS}/{unit}")
                yield f"enabled {unit}"


def _networkd(root: Path) -> Path | None:
    path = folder_in(root, UNITS) / "systemd-networkd.service"
    # Before the merge of /usr.
    if not path.is_file() and not (root / "lib").is_symlink():
        path = folder_in(root, "lib/systemd/system") / path.name
    return path if path.is_file() else None


def _modules(root: Path) -> Path:
    if (root / "lib").is_symlink():
        return folder_in(root, "usr/lib/modules")
    return folder_in(root, "lib/modules")


def folder_in(root: Path, inside: str, *, make: bool = False) -> Path:
    """Return a folder of the tree, there or not. Raises InvalidInput if a link is on the way."""
    path = root
    for part in Path(inside).parts:
        path = path / part
        if path.is_symlink():
            raise InvalidInput(
                f"{path.relative_to(root)} is a link to {os.readlink(path)}; it must be a folder"
            )
        if make and not path.is_dir():
            path.mkdir()
    return path
