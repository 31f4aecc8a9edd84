"""Volumes and file systems of the plan: made, and mounted in the order of their depth."""

from __future__ import annotations

import os
import re
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


# The longest label each takes, in bytes; ext cuts a longer one, others fail after the wipe.
LONGEST_LABEL = {"ext4": 16, "ext3": 16, "ext2": 16, "xfs": 12, "btrfs": 255, "vfat": 11}
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VOLUME_ID = re.compile(r"[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}")


class CannotMake(Exception):
    """The plan has a file system that no program here makes."""


def check(filesystems: Sequence[Mapping[str, Any]]) -> None:
    """Raise CannotMake for what would fail only when the disks are empty."""
    for entry in filesystems:
        kind, where = entry["kind"], f"file system {entry['mountpoint']}"
        if kind not in MAKERS:
            raise CannotMake(f"{where}: kind {kind}; there are {', '.join(MAKERS)}")
        label = entry.get("label") or ""
        if len(label.encode()) > LONGEST_LABEL[kind]:
            raise CannotMake(f"{where}: label {label!r}; {kind} has {LONGEST_LABEL[kind]} bytes")
        pattern, form = (_VOLUME_ID, "1234-ABCD") if kind == "vfat" else (_UUID, "a UUID")
        if not pattern.fullmatch(entry["uuid"]):
            raise CannotMake(f"{where}: uuid {entry['uuid']!r}; {kind} takes {form}")


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
