"""What is to be changed next so that a machine's disks become those wanted. Pure.

MAAS numbers partitions by itself (and adds one for GRUB), so that they are told apart by what is
on them and by their size. The order may be cut anywhere. Source: contract, maas, section 7, and
maas-facts, rows 15 and 16.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from drydockd.drivers.node.maas.changes import Change
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.storageplan import SLACK, Disk, Group, Layout, Part, Volume
from drydockd.plans import FilesystemPlan

Document = dict[str, Any]


class Stock:
    """What of a layout a machine has: partitions, groups and volumes by what is wanted of them;
    `strays` are those that are not wanted, or not so."""

    def __init__(self, layout: Layout, machine: Document) -> None:
        self.layout, self.machine = layout, machine
        self.parts: dict[Part, Document] = {}
        self.groups: dict[Group, Document] = {}
        self.volumes: dict[tuple[str, str], Document] = {}
        self.strays: list[str] = []
        self._members = {
            device["id"]: group["name"]
            for group in machine["volume_groups"]
            for device in group["devices"]
            if device["type"] == "partition"
        }
        self._wholes = {
            device["id"]: group["name"]
            for group in machine["volume_groups"]
            for device in group["devices"]
            if device["type"] != "partition"
        }
        wanted = {disk.id: disk for disk in layout.disks}
        for device in machine["blockdevice_set"]:
            if device["type"] == "physical":
                self._match_disk(device, wanted.get(device["id"]))
        for group in machine["volume_groups"]:
            self._match_group(group)
        for kind in ("raids", "bcaches", "cache_sets"):
            self.strays += [f"{kind}: {one.get('name')}" for one in machine.get(kind) or ()]

    def device(self, number: int) -> Document:
        devices: Sequence[Document] = self.machine["blockdevice_set"]
        return next(device for device in devices if device["id"] == number)

    def _match_disk(self, device: Document, disk: Disk | None) -> None:
        name = device["name"]
        group = self._wholes.get(device["id"])
        if (disk.group if disk else None) != group and group is not None:
            self.strays.append(f"disk {name} in volume group {group}")
        elif group is None and device["filesystem"]:
            self.strays.append(f"{device['filesystem']['fstype']} on disk {name}")
        left = list(device["partitions"])
        parts = disk.parts if disk else ()
        for is_it in (self._is_mounted, self._is_member, self._is_like):
            for part in parts:
                if part in self.parts:
                    continue
                candidates = [one for one in left if is_it(one, part)]
                if candidates:
                    best = min(candidates, key=lambda one: _distance(one, part))
                    left.remove(best)
                    self.parts[part] = best
        self.strays += [f"partition of {one['size']} bytes on {name}" for one in left]

    def _is_mounted(self, found: Document, part: Part) -> bool:
        on = found["filesystem"]
        return bool(
            on
            and part.filesystem
            and on["mount_point"] == _mount_point(part.filesystem)
            and self._is_like(found, part)
        )

    def _is_member(self, found: Document, part: Part) -> bool:
        return self._members.get(found["id"]) is not None and self._is_like(found, part)

    def _is_like(self, found: Document, part: Part) -> bool:
        if abs(found["size"] - part.size) > SLACK or bool(found["bootable"]) != part.bootable:
            return False
        if part.uuid and str(found["uuid"]).lower() != part.uuid.lower():
            return False
        if found["id"] in self._members:
            return bool(self._members[found["id"]] == part.group)
        return fits(found["filesystem"], part.filesystem)

    def _match_group(self, found: Document) -> None:
        name = found["name"]
        wanted = next((one for one in self.layout.groups if one.name == name), None)
        if wanted is None:
            self.strays.append(f"volume group {name}")
            return
        if wanted.uuid and str(found["uuid"]).lower() != wanted.uuid.lower():
            self.strays.append(f"volume group {name} with uuid {found['uuid']}")
            return
        parts, wholes = members(self.layout, wanted)
        is_there = {(device["type"] == "partition", device["id"]) for device in found["devices"]}
        is_meant = {(True, self.parts[part]["id"]) for part in parts if part in self.parts}
        is_meant |= {(False, disk.id) for disk in wholes}
        if is_there != is_meant or len(is_meant) != len(parts) + len(wholes):
            self.strays.append(f"volume group {name} of other members")
            return
        self.groups[wanted] = found
        for volume in found["logical_volumes"]:
            self._match_volume(wanted, self._whole(volume))

    def _whole(self, volume: Document) -> Document:
        """A logical volume with its file system, where the group's list has none."""
        if "filesystem" in volume:
            return volume
        return self.device(volume["id"])

    def _match_volume(self, group: Group, found: Document) -> None:
        # MAAS calls it after its group in one place, and plainly in another.
        name = str(found["name"]).removeprefix(f"{group.name}-")
        for volume in group.volumes:
            if volume.name not in (name, found["name"]):
                continue
            same_uuid = not volume.uuid or str(found["uuid"]).lower() == volume.uuid.lower()
            is_like = abs(found["size"] - volume.size) <= SLACK and same_uuid
            if is_like and fits(found["filesystem"], volume.filesystem):
                self.volumes[group.name, volume.name] = found
                return
        self.strays.append(f"logical volume {group.name}/{name}")


def members(layout: Layout, group: Group) -> tuple[list[Part], list[Disk]]:
    """The physical volumes of a group: partitions, and disks as a whole."""
    parts = [part for part in layout.parts() if part.group == group.name]
    return parts, [disk for disk in layout.disks if disk.group == group.name]


def fits(found: Mapping[str, Any] | None, wanted: FilesystemPlan | None) -> bool:
    """Whether a file system of MAAS is the one wanted, or may still become it."""
    if not found:
        return True
    if wanted is None or _kind(found["fstype"]) != _kind(wanted.fstype):
        return False
    if wanted.uuid and str(found["uuid"]).lower() != wanted.uuid.lower():
        return False
    if wanted.label and found["label"] != wanted.label:
        return False
    if not found["mount_point"]:
        return True
    same = _options(found["mount_options"]) == _options(wanted.options)
    return same and bool(found["mount_point"] == _mount_point(wanted))


def _kind(fstype: str) -> str:
    # curtin makes the same of both.
    return "vfat" if fstype == "fat32" else fstype


def _options(text: str | None) -> str:
    return text or "defaults"


def _mount_point(filesystem: FilesystemPlan) -> str:
    return "none" if filesystem.fstype == "swap" else filesystem.mountpoint


def _distance(found: Document, part: Part) -> tuple[bool, int]:
    return not found["filesystem"], abs(found["size"] - part.size)


# -- changes


def stray(layout: Layout, machine: Document) -> str | None:
    """Why the machine's disks have to begin anew; None: what is there is wanted."""
    strays = Stock(layout, machine).strays
    return "; ".join(strays) or None


def is_bare(layout: Layout, machine: Document) -> bool:
    """Whether nothing is there yet, and a layout of MAAS' own would be a good part of it."""
    stock = Stock(layout, machine)
    is_empty = not (stock.parts or stock.groups or stock.strays)
    return is_empty and layout.start["storage_layout"] != "blank"


def begin(layout: Layout, machine: Document, reason: str) -> Change:
    """What has MAAS forget the machine's disks, and begin with its own layout."""
    path = at("machine", sid=machine["system_id"])
    why = f"{reason}: not wanted"
    return Change("POST", path, "set_storage_layout", layout.start, why, again=True)


def boot_change(layout: Layout, machine: Document) -> Change | None:
    """Comes before `begin`: MAAS' layouts use the disk that is started from."""
    disk = machine["boot_disk"]
    if disk and disk["id"] == layout.boot_disk:
        return None
    path = at("blockdevice", sid=machine["system_id"], id=layout.boot_disk)
    return Change("POST", path, "set_boot_disk", {}, "another disk is started from", again=True)


def next_change(layout: Layout, machine: Document) -> Change | None:
    """Return the next change of a machine that has nothing `stray`; None: all is as wanted."""
    return boot_change(layout, machine) or next(_changes(Stock(layout, machine)), None)


def _changes(stock: Stock) -> Iterator[Change]:
    sid = stock.machine["system_id"]
    for part in stock.layout.parts():
        found = stock.parts.get(part)
        if found is None:
            yield _made_part(stock, part)
            continue
        path = at("partition", sid=sid, device=part.disk, id=found["id"])
        yield from _filled(path, part.name, found["filesystem"], part.filesystem)
    for group in stock.layout.groups:
        there = stock.groups.get(group)
        if there is None:
            yield _made_group(stock, group)
            continue
        for volume in group.volumes:
            found = stock.volumes.get((group.name, volume.name))
            if found is None:
                yield _made_volume(stock, there, volume)
                continue
            path = at("blockdevice", sid=sid, id=found["id"])
            name = f"{group.name}/{volume.name}"
            yield from _filled(path, name, found["filesystem"], volume.filesystem)


def _made_part(stock: Stock, part: Part) -> Change:
    path = at("partitions", sid=stock.machine["system_id"], device=part.disk)
    size = _within(part.size, stock.device(part.disk)["available_size"])
    form = {"size": size, "uuid": part.uuid, "bootable": part.bootable}
    return Change("POST", path, None, form, f"partition {part.name} is missing")


def _made_group(stock: Stock, group: Group) -> Change:
    path = at("volume-groups", sid=stock.machine["system_id"])
    parts, wholes = members(stock.layout, group)
    form = {
        "name": group.name,
        "uuid": group.uuid,
        "block_devices": _ids(disk.id for disk in wholes),
        "partitions": _ids(stock.parts[part]["id"] for part in parts),
    }
    return Change("POST", path, None, form, f"volume group {group.name} is missing")


def _made_volume(stock: Stock, group: Document, volume: Volume) -> Change:
    path = at("volume-group", sid=stock.machine["system_id"], id=group["id"])
    size = _within(volume.size, group["available_size"])
    form = {"name": volume.name, "uuid": volume.uuid, "size": size}
    why = f"logical volume {group['name']}/{volume.name} is missing"
    return Change("POST", path, "create_logical_volume", form, why)


def _within(size: int, available: int) -> int:
    """`size`, or what there is where that is only a little less."""
    return available if 0 < size - available <= SLACK else size


def _ids(numbers: Iterable[int]) -> str | None:
    return ",".join(map(str, numbers)) or None


def _filled(
    path: str, name: str, found: Mapping[str, Any] | None, wanted: FilesystemPlan | None
) -> Iterator[Change]:
    if wanted is None:
        return
    if not found:
        form = {"fstype": wanted.fstype, "uuid": wanted.uuid, "label": wanted.label}
        yield Change("POST", path, "format", form, f"{name}: {wanted.fstype} is missing")
    elif not found["mount_point"]:
        options = None if wanted.options == "defaults" else wanted.options
        point = None if wanted.fstype == "swap" else wanted.mountpoint
        form = {"mount_point": point, "mount_options": options}
        yield Change("POST", path, "mount", form, f"{name}: {point} is missing", again=True)


# -- answers


def absorb(machine: Document, change: Change, answer: Any) -> None:
    """Put what MAAS answered to `change` into the document of the machine."""
    if change.op == "set_boot_disk":
        number = int(change.path.rstrip("/").rpartition("/")[2])
        devices = machine["blockdevice_set"]
        machine["boot_disk"] = next(one for one in devices if one["id"] == number)
    elif "blockdevice_set" in answer:
        machine.clear()
        machine.update(answer)
    elif "logical_volumes" in answer:
        _put(machine["volume_groups"], answer)
    elif "device_id" in answer:
        device = next(d for d in machine["blockdevice_set"] if d["id"] == answer["device_id"])
        if _put(device["partitions"], answer):
            device["available_size"] -= answer["size"]
    elif change.op == "create_logical_volume":
        number = int(change.path.rstrip("/").rpartition("/")[2])
        group = next(one for one in machine["volume_groups"] if one["id"] == number)
        group["logical_volumes"].append(answer)
        group["available_size"] -= answer["size"]
        _put(machine["blockdevice_set"], answer)
    else:
        _put(machine["blockdevice_set"], answer)
        for group in machine["volume_groups"]:
            if any(one["id"] == answer["id"] for one in group["logical_volumes"]):
                _put(group["logical_volumes"], answer)


def _put(entries: list[Document], entry: Document) -> bool:
    """Replace the entry of that id, or append it; return whether it is new."""
    for index, one in enumerate(entries):
        if one["id"] == entry["id"]:
            entries[index] = entry
            return False
    entries.append(entry)
    return True
