"""The simulated MAAS' disks of one machine: partitions, volume groups, layouts."""

from __future__ import annotations

import re
import uuid
from typing import Any

from tests.peers.maas import documents
from tests.peers.maas.core import Answer, Call, Refuse, Simulator, not_found, route

MIB = 1024 * 1024
UNIT = 4 * MIB
ESP_SIZE = LEAST_BOOT = 512 * MIB
LEAST_ROOT = 3 * 1024 * MIB
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.I)
FSTYPES = ("ext2", "ext4", "xfs", "fat32", "vfat", "swap", "ramfs", "tmpfs", "btrfs", "zfsroot")


def room(size: int) -> int:
    """What can be given to partitions: 100,000,000,000 have 99,992,207,360."""
    return max(0, size - 5 * MIB) // UNIT * UNIT


def _machine(sim: Simulator, call: Call) -> Any:
    machine = sim.machines.get(call.parts["sid"])
    if machine is None:
        raise not_found("Node")
    return machine


def _open(sim: Simulator, call: Call, what: str, states: tuple[str, ...] = ("Ready",)) -> Any:
    machine = _machine(sim, call)
    if machine.status_name not in states:
        either = " or ".join(states)
        raise Refuse(409, f"Cannot {what} because the machine is not {either}.")
    return machine


def _device(machine: Any, number: str) -> tuple[int, dict[str, Any]]:
    if int(number) not in machine.blockdevices:
        raise not_found("BlockDevice")
    return int(number), machine.blockdevices[int(number)]


def _shown(machine: Any, number: int) -> Any:
    return documents.blockdevice(machine, number)


def settle(machine: Any) -> None:
    """Tell again what follows from what is on the disks: sizes, uses, members of groups."""
    held = {
        (device["type"], device["id"]): group["name"]
        for group in machine.volume_groups.values()
        for device in group["devices"]
    }
    for number, device in machine.blockdevices.items():
        if device["type"] != "physical":
            device["available_size"] = 0 if device["filesystem"] else device["size"]
            device["used_size"] = device["size"] - device["available_size"]
            continue
        group = held.get(("physical", number))
        parts = device["partitions"]
        used = sum(part["size"] for part in parts)
        free = 0 if device["filesystem"] or group else room(device["size"]) - used
        device["available_size"], device["used_size"] = free, device["size"] - free
        device["partition_table_type"] = "GPT" if parts else None
        device["used_for"] = (
            f"GPT partitioned with {len(parts)} partition{'s' if len(parts) > 1 else ''}"
            if parts
            else f"LVM volume for {group}"
            if group
            else "Unused"
        )
        for part in parts:
            in_group = held.get(("partition", part["id"]))
            part["used_for"] = f"LVM volume for {in_group}" if in_group else _use(part)
    for group in machine.volume_groups.values():
        _settle_group(machine, group)


def _use(part: dict[str, Any]) -> str:
    on = part["filesystem"]
    if not on:
        return "Unused"
    mounted = f" mounted at {on['mount_point']}" if on["mount_point"] else ""
    return f"{on['fstype']} formatted filesystem{mounted}"


def _settle_group(machine: Any, group: dict[str, Any]) -> None:
    size = sum(device["size"] for device in group["devices"])
    whole = (size // UNIT - len(group["devices"])) * UNIT
    group["logical_volumes"] = [
        _shown(machine, number)
        for number, device in machine.blockdevices.items()
        if device.get("group") == group["id"]
    ]
    used = sum(volume["size"] for volume in group["logical_volumes"])
    group["size"], group["used_size"], group["available_size"] = whole, used, whole - used


# -- reading


@route("GET", "nodes/{sid}/blockdevices/")
def every(sim: Simulator, call: Call) -> Any:
    machine = _machine(sim, call)
    return [_shown(machine, number) for number in machine.blockdevices]


@route("GET", "nodes/{sid}/blockdevices/{id}/")
def one(sim: Simulator, call: Call) -> Any:
    machine = _machine(sim, call)
    return _shown(machine, _device(machine, call.parts["id"])[0])


@route("GET", "nodes/{sid}/blockdevices/{device}/partitions/")
def partitions(sim: Simulator, call: Call) -> Any:
    return _device(_machine(sim, call), call.parts["device"])[1]["partitions"]


@route("GET", "nodes/{sid}/volume-groups/")
def groups(sim: Simulator, call: Call) -> Any:
    return list(_machine(sim, call).volume_groups.values())


# -- layouts


@route("POST", "nodes/{sid}/blockdevices/{id}/", "set_boot_disk")
def set_boot_disk(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "set as boot disk")
    number, device = _device(machine, call.parts["id"])
    if device["type"] != "physical":
        raise Refuse(400, "Cannot set a virtual block device as the boot disk.")
    machine.boot_disk = number
    return "OK"


@route("POST", "machines/{sid}/", "set_storage_layout")
def set_storage_layout(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "change the storage layout")
    layout = call.get("storage_layout") or ""
    if layout not in ("flat", "lvm", "blank"):
        text = f"'{layout}' is not a valid choice."
        raise Refuse(400, {"storage_layout": [text]})
    root = int(call.get("root_device") or machine.boot_disk or 0)
    if layout != "blank":
        _check_sizes(machine, call)
    clear(machine)
    if layout != "blank":
        _lay(sim, machine, call, root)
    settle(machine)
    sim.done["set_storage_layout", machine.system_id] += 1
    return documents.machine(sim, machine)


def clear(machine: Any) -> None:
    """Forget all that is on the disks."""
    for number, device in list(machine.blockdevices.items()):
        if device["type"] == "virtual":
            del machine.blockdevices[number]
        else:
            device["partitions"], device["filesystem"] = [], None
    machine.volume_groups.clear()


def lay_default(sim: Simulator, machine: Any) -> None:
    """What MAAS makes of itself of a machine's disks at the end of commissioning."""
    clear(machine)
    call = Call("POST", "", None, {}, {"storage_layout": ["flat"]})
    _lay(sim, machine, call, machine.boot_disk)
    settle(machine)


def _check_sizes(machine: Any, call: Call) -> None:
    size = machine.blockdevices[machine.boot_disk]["size"]
    wrong = {}
    for field, least, rest in (
        ("root_size", LEAST_ROOT, LEAST_BOOT),
        ("boot_size", LEAST_BOOT, LEAST_ROOT),
        ("lv_size", LEAST_ROOT, 0),
    ):
        sent = int(call.get(field) or 0)
        if sent and sent < least:
            wrong[field] = [f"Size is too small. Minimum size is {least}."]
        elif sent > (most := size - ESP_SIZE - rest):
            wrong[field] = [f"Size is too large. Maximum size is {most}."]
    both = int(call.get("root_size") or 0) + int(call.get("boot_size") or 0)
    if both + ESP_SIZE > size:
        text = "Size of the boot partition and root partition are larger than the available space on the boot disk."  # noqa: E501
        wrong["__all__"] = [text]
    if wrong:
        raise Refuse(400, wrong)


def _lay(sim: Simulator, machine: Any, call: Call, root: int) -> None:
    boot_disk = machine.boot_disk
    if machine.bios_boot_method == "uefi":
        _add(sim, machine, boot_disk, ESP_SIZE, True, _filesystem("fat32", "efi", "/boot/efi"))
    if int(call.get("boot_size") or 0):
        size = int(call.get("boot_size") or 0)
        _add(sim, machine, boot_disk, size, True, _filesystem("ext4", "boot", "/boot"))
    settle(machine)
    size = int(call.get("root_size") or 0) or machine.blockdevices[root]["available_size"]
    if call.get("storage_layout") == "flat":
        _add(sim, machine, root, size, False, _filesystem("ext4", "root", "/"))
        return
    part = _add(sim, machine, root, size, False, None)
    group = _add_group(sim, machine, call.get("vg_name") or "vgroot", None, [part])
    settle(machine)
    size = int(call.get("lv_size") or 0) or group["available_size"]
    name = call.get("lv_name") or "lvroot"
    _add_volume(sim, machine, group, name, None, size, _filesystem("ext4", "root", "/"))


def _filesystem(
    kind: str, label: str | None, mount_point: str | None, number: str | None = None
) -> dict[str, Any]:
    return {
        "fstype": kind,
        "label": label,
        "uuid": number or str(uuid.uuid4()),
        "mount_point": mount_point,
        "mount_options": None,
    }


def _add(
    sim: Simulator,
    machine: Any,
    device: int,
    size: int,
    bootable: bool,
    on: dict[str, Any] | None,
    number: str | None = None,
) -> dict[str, Any]:
    """A partition; on the disk that a BIOS starts, GRUB's own has the first number."""
    kept = machine.blockdevices[device]
    has_grub = machine.bios_boot_method != "uefi" and device == machine.boot_disk
    index = len(kept["partitions"]) + (2 if has_grub else 1)
    part = {
        "id": sim.new_id(),
        "system_id": machine.system_id,
        "device_id": device,
        "uuid": number or str(uuid.uuid4()),
        "path": f"/dev/disk/by-dname/{kept['name']}-part{index}",
        "type": "partition",
        "size": size // UNIT * UNIT,
        "bootable": bootable,
        "filesystem": on,
        "used_for": "Unused",
        "tags": [],
    }
    part["resource_uri"] = (
        f"/MAAS/api/2.0/nodes/{machine.system_id}/blockdevices/{device}/partition/{part['id']}"
    )
    kept["partitions"].append(part)
    return part


def _add_group(
    sim: Simulator, machine: Any, name: str, number: str | None, devices: list[dict[str, Any]]
) -> dict[str, Any]:
    key = sim.new_id()
    group = {
        "id": key,
        "system_id": machine.system_id,
        "name": name,
        "uuid": number or str(uuid.uuid4()),
        "devices": devices,
        "size": 0,
        "human_size": "",
        "available_size": 0,
        "human_available_size": "",
        "used_size": 0,
        "human_used_size": "",
        "logical_volumes": [],
        "resource_uri": f"/MAAS/api/2.0/nodes/{machine.system_id}/volume-group/{key}/",
    }
    machine.volume_groups[key] = group
    for device in devices:
        if device["type"] == "partition":
            device["filesystem"] = _filesystem("lvm-pv", None, None)
    return group


def _add_volume(
    sim: Simulator,
    machine: Any,
    group: dict[str, Any],
    name: str,
    number: str | None,
    size: int,
    on: dict[str, Any] | None,
) -> int:
    key = sim.new_id()
    full = f"{group['name']}-{name}"
    machine.blockdevices[key] = {
        "group": group["id"],
        "name": full,
        "model": None,
        "serial": None,
        "id_path": None,
        "path": f"/dev/disk/by-dname/{full}",
        "size": size // UNIT * UNIT,
        "block_size": 4096,
        "available_size": size // UNIT * UNIT,
        "used_size": 0,
        "used_for": "Unused",
        "type": "virtual",
        "tags": [],
        "partition_table_type": None,
        "partitions": [],
        "filesystem": on,
        "storage_pool": None,
        "firmware_version": None,
        "numa_node": None,
        "uuid": number or str(uuid.uuid4()),
    }
    return key


# -- partitions and groups


def _uuid(call: Call, wrong: dict[str, list[str]]) -> str | None:
    sent = call.get("uuid")
    if sent and not UUID4.fullmatch(sent):
        wrong["uuid"] = ["Enter a valid value."]
    return sent or None


def _size(call: Call, available: int, wrong: dict[str, list[str]]) -> int:
    size = int(call.get("size") or 0) or available
    if size < UNIT:
        wrong["size"] = [f"Ensure this value is greater than or equal to {UNIT}."]
    elif size // UNIT * UNIT > available:
        text = "Partition cannot be saved; not enough free space on the block device."
        wrong["size"] = [text]
    return size


@route("POST", "nodes/{sid}/blockdevices/{device}/partitions/")
def create_partition(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "create partition")
    number, device = _device(machine, call.parts["device"])
    settle(machine)
    wrong: dict[str, list[str]] = {}
    given = _uuid(call, wrong)
    size = _size(call, device["available_size"], wrong)
    if wrong:
        raise Refuse(400, wrong)
    part = _add(sim, machine, number, size, call.truth("bootable"), None, given)
    settle(machine)
    sim.done["create_partition", machine.system_id] += 1
    return part


def _partition(machine: Any, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    device = _device(machine, call.parts["device"])[1]
    for part in device["partitions"]:
        if part["id"] == int(call.parts["id"]):
            return device, part
    raise Refuse(404, "")


@route("GET", "nodes/{sid}/blockdevices/{device}/partition/{id}")
@route("GET", "nodes/{sid}/blockdevices/{device}/partitions/{id}")
def partition(sim: Simulator, call: Call) -> Any:
    return _partition(_machine(sim, call), call)[1]


@route("DELETE", "nodes/{sid}/blockdevices/{device}/partition/{id}")
@route("DELETE", "nodes/{sid}/blockdevices/{device}/partitions/{id}")
def delete_partition(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "delete partition")
    device, part = _partition(machine, call)
    if part["used_for"].startswith("LVM"):
        text = f"Cannot delete partition because its part of {part['used_for'][15:]}."
        raise Refuse(400, {"__all__": [text]})
    device["partitions"].remove(part)
    settle(machine)
    return Answer(204)


@route("POST", "nodes/{sid}/volume-groups/")
def create_group(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "create volume group")
    wrong: dict[str, list[str]] = {}
    given = _uuid(call, wrong)
    name = call.get("name") or ""
    if not name:
        wrong["name"] = ["This field is required."]
    if any(group["name"] == name for group in machine.volume_groups.values()):
        wrong["name"] = [f"Volume group with name '{name}' already exists."]
    parts = {p["id"]: p for d in machine.blockdevices.values() for p in d["partitions"]}
    devices: list[dict[str, Any]] = []
    for field, there in (("block_devices", machine.blockdevices), ("partitions", parts)):
        for number in map(int, filter(None, (call.get(field) or "").split(","))):
            member = there.get(number)
            if member is None or member["used_for"] != "Unused":
                text = f"Select a valid choice. {number} is not one of the available choices."
                wrong[field] = [text]
            elif field == "partitions":
                devices.append(member)
            else:
                devices.append({**_shown(machine, number)})
    if not devices and not wrong:
        wrong["__all__"] = ["At least one valid block device or partition is required."]
    if wrong:
        raise Refuse(400, wrong)
    group = _add_group(sim, machine, name, given, devices)
    settle(machine)
    sim.done["create_group", machine.system_id] += 1
    return group


def _group(machine: Any, call: Call) -> dict[str, Any]:
    group = machine.volume_groups.get(int(call.parts["id"]))
    if group is None:
        raise not_found("VolumeGroup")
    found: dict[str, Any] = group
    return found


@route("GET", "nodes/{sid}/volume-group/{id}/")
def group(sim: Simulator, call: Call) -> Any:
    return _group(_machine(sim, call), call)


@route("DELETE", "nodes/{sid}/volume-group/{id}/")
def delete_group(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "delete volume group")
    kept = _group(machine, call)
    if kept["logical_volumes"]:
        text = "This volume group has logical volumes; it cannot be deleted."
        raise Refuse(400, {"__all__": [text]})
    for device in kept["devices"]:
        if device["type"] == "partition":
            device["filesystem"] = None
    del machine.volume_groups[kept["id"]]
    settle(machine)
    return Answer(204)


@route("POST", "nodes/{sid}/volume-group/{id}/", "create_logical_volume")
def create_volume(sim: Simulator, call: Call) -> Any:
    machine = _open(sim, call, "create logical volume")
    kept = _group(machine, call)
    wrong: dict[str, list[str]] = {}
    given = _uuid(call, wrong)
    size = _size(call, kept["available_size"], wrong)
    name = call.get("name") or ""
    if any(v["name"] == f"{kept['name']}-{name}" for v in kept["logical_volumes"]):
        wrong["name"] = [f"Block device with name '{name}' already exists."]
    if wrong:
        raise Refuse(400, wrong)
    key = _add_volume(sim, machine, kept, name, given, size, None)
    settle(machine)
    sim.done["create_volume", machine.system_id] += 1
    return _shown(machine, key)


@route("POST", "nodes/{sid}/volume-group/{id}/", "delete_logical_volume")
def delete_volume(sim: Simulator, call: Call) -> Any:
    """One that is not there is fine."""
    machine = _open(sim, call, "delete logical volume")
    kept = _group(machine, call)
    number = int(call.get("id") or 0)
    if machine.blockdevices.get(number, {}).get("group") == kept["id"]:
        del machine.blockdevices[number]
    settle(machine)
    return Answer(204)


# -- file systems


def _holder(sim: Simulator, call: Call, what: str) -> tuple[Any, dict[str, Any], Any]:
    machine = _open(sim, call, what, ("Ready", "Allocated"))
    if "device" in call.parts:
        part = _partition(machine, call)[1]
        return machine, part, lambda: part
    number, device = _device(machine, call.parts["id"])
    return machine, device, lambda: _shown(machine, number)


@route("POST", "nodes/{sid}/blockdevices/{device}/partition/{id}", "format")
@route("POST", "nodes/{sid}/blockdevices/{id}/", "format")
def format_(sim: Simulator, call: Call) -> Any:
    machine, holder, shown = _holder(sim, call, "format partition")
    wrong: dict[str, list[str]] = {}
    kind = call.get("fstype") or ""
    if kind not in FSTYPES:
        listed = ", ".join(f"'{name}'" for name in FSTYPES)
        wrong["fstype"] = [f"'{kind}' is not a valid fstype.  It should be one of: {listed}."]
    given = _uuid(call, wrong)
    if holder["used_for"].startswith("LVM"):
        wrong["__all__"] = ["Cannot format a device that is part of a volume group."]
    if wrong:
        raise Refuse(400, wrong)
    holder["filesystem"] = _filesystem(kind, call.get("label") or "", None, given)
    settle(machine)
    sim.done["format", machine.system_id] += 1
    return shown()


@route("POST", "nodes/{sid}/blockdevices/{device}/partition/{id}", "unformat")
@route("POST", "nodes/{sid}/blockdevices/{id}/", "unformat")
def unformat(sim: Simulator, call: Call) -> Any:
    machine, holder, shown = _holder(sim, call, "unformat partition")
    if not holder["filesystem"]:
        raise Refuse(400, "Partition is not formatted.")
    if holder["filesystem"]["mount_point"]:
        text = "Filesystem is mounted and cannot be unformatted. Unmount the filesystem before unformatting the partition."  # noqa: E501
        raise Refuse(400, text)
    holder["filesystem"] = None
    settle(machine)
    return shown()


@route("POST", "nodes/{sid}/blockdevices/{device}/partition/{id}", "mount")
@route("POST", "nodes/{sid}/blockdevices/{id}/", "mount")
def mount(sim: Simulator, call: Call) -> Any:
    machine, holder, shown = _holder(sim, call, "mount partition")
    on = holder["filesystem"]
    if not on:
        text = "Cannot mount an unformatted partition or block device."
        raise Refuse(400, {"__all__": [text]})
    point = "none" if on["fstype"] == "swap" else call.get("mount_point") or ""
    if not point:
        raise Refuse(400, {"mount_point": ["This field is required."]})
    if point != "none" and any(
        one is not on and one["mount_point"] == point for one in _all(machine)
    ):
        text = f"Another filesystem is already mounted at {point}."
        raise Refuse(400, {"mount_point": [text]})
    on["mount_point"], on["mount_options"] = point, call.get("mount_options") or ""
    settle(machine)
    sim.done["mount", machine.system_id] += 1
    return shown()


@route("POST", "nodes/{sid}/blockdevices/{device}/partition/{id}", "unmount")
@route("POST", "nodes/{sid}/blockdevices/{id}/", "unmount")
def unmount(sim: Simulator, call: Call) -> Any:
    machine, holder, shown = _holder(sim, call, "unmount partition")
    if not holder["filesystem"] or not holder["filesystem"]["mount_point"]:
        raise Refuse(400, "Filesystem is already unmounted.")
    holder["filesystem"]["mount_point"] = None
    settle(machine)
    return shown()


def _all(machine: Any) -> list[dict[str, Any]]:
    """Every file system of the machine."""
    holders = [
        *machine.blockdevices.values(),
        *(part for device in machine.blockdevices.values() for part in device["partitions"]),
    ]
    return [holder["filesystem"] for holder in holders if holder["filesystem"]]
