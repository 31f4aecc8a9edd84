"""Volumes and file systems of the plan: made, and mounted in the order of their depth."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drydockd.agent.install.disks import Disk, partition_path
from drydockd.agent.install.programs import Programs

# file system -> (program and options, option of the label, of the UUID).
MAKERS: Mapping[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "ext4": (
        ("mkfs.ext4", "-F", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"),
        "-L",
        ("-U",),
    ),
    "ext3": (("mkfs.ext3", "-F", "-q"), "-L", ("-U",)),
    "ext2": (("mkfs.ext2", "-F", "-q"), "-L", ("-U",)),
    "xfs": (("mkfs.xfs", "-f", "-q", "-K"), "-L", ("-m", "uuid=")),
    "btrfs": (("mkfs.btrfs", "-f", "-q", "-K"), "-L", ("-U",)),
    "vfat": (("mkfs.vfat", "-F", "32"), "-n", ("-i",)),
}


class Storage:
    """The storage of one plan on the disks that were found for it."""

    def __init__(self, plan: Mapping[str, Any], disks: Sequence[Disk], programs: Programs) -> None:
        self._plan = plan
        self._disks = disks
        self._programs = programs

    def path_of(self, place: Mapping[str, Any]) -> str:
        """Return the device of a place of the plan."""
        if place.get("group"):
            return f"/dev/{place['group']}/{place['volume']}"
        disk = self._disks[place["disk"]]
        number = place.get("partition")
        return disk.path if number is None else partition_path(disk, number)

    def make_volumes(self) -> None:
        run = self._programs.run
        for group in self._plan["groups"]:
            members = [self.path_of(place) for place in group["members"]]
            for member in members:
                run("pvcreate", "-ff", "-y", member)
            run("vgcreate", group["name"], *members)
            if group.get("uuid"):
                # LVM's own ids have another form; the design's is kept as a tag.
                run("vgchange", "--addtag", f"uuid-{group['uuid']}", group["name"])
            for volume in group["volumes"]:
                tag = ["--addtag", f"uuid-{volume['uuid']}"] if volume.get("uuid") else []
                run(
                    "lvcreate", "-y", "-Wy", "-n", volume["name"],
                    "-l", str(volume["extents"]), *tag, group["name"],
                )  # fmt: skip

    def make_filesystems(self) -> None:
        for entry in self._plan["filesystems"]:
            self._programs.run(*command(entry, self.path_of(entry["place"])))

    def mount(self, target: Path) -> None:
        """Mount all below `target`, parents first."""
        for entry in by_depth(self._plan["filesystems"]):
            where = target / entry["mountpoint"].lstrip("/")
            os.makedirs(where, exist_ok=True)
            device = self.path_of(entry["place"])
            self._programs.run("mount", "-t", entry["kind"], device, str(where))

    def unmount(self, target: Path) -> None:
        self._programs.run("umount", "-R", str(target))

    def deactivate(self) -> None:
        for group in self._plan["groups"]:
            self._programs.run("vgchange", "-an", group["name"])

    def place_of(self, path: str) -> tuple[Mapping[str, Any], str]:
        """Return the file system that holds `path`, and the path within it."""
        best = max(
            (e for e in self._plan["filesystems"] if _holds(e["mountpoint"], path)),
            key=lambda entry: len(entry["mountpoint"].rstrip("/")),
        )
        inside = path[len(best["mountpoint"].rstrip("/")) :]
        return best, inside or "/"


def by_depth(filesystems: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(filesystems, key=lambda entry: len(Path(entry["mountpoint"]).parts))


def _holds(mountpoint: str, path: str) -> bool:
    folder = mountpoint.rstrip("/")
    return path == folder or path.startswith(f"{folder}/")


def command(entry: Mapping[str, Any], device: str) -> list[str]:
    """Return the mkfs command of one file system of the plan."""
    base, label_option, uuid_option = MAKERS[entry["kind"]]
    made = list(base)
    if entry.get("label"):
        made += [label_option, entry["label"]]
    uuid = entry["uuid"].replace("-", "") if entry["kind"] == "vfat" else entry["uuid"]
    *flags, last = uuid_option
    made += [*flags, last + uuid] if last.endswith("=") else [*flags, last, uuid]
    return [*made, device]
