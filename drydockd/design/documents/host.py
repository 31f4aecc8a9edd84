"""What HostProfile and BaremetalNode share. Source: contract, design, section 3.6.

A body becomes a *layer*: the fields the document gives, under their model names, nothing for
those it does not give. `inheritance` lays layers on each other. Keyed lists are dicts by
name, None for an entry that removes the inherited one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Required

from pydantic import with_config
from typing_extensions import TypedDict

from drydockd.design.documents.fields import (
    CLOSED,
    OPEN,
    UNSET,
    KernelParam,
    ScalarText,
    Uuid,
    VfCount,
)

Layer = dict[str, Any]
Violation = tuple[tuple[str | int, ...], str]
"""Where in the body, and what is expected there."""


@with_config(CLOSED)
class PlatformBody(TypedDict, total=False):
    image: str
    kernel: str
    kernel_params: dict[str, KernelParam]


@with_config(CLOSED)
class MetadataBody(TypedDict, total=False):
    tags: list[str]
    owner_data: dict[str, str]
    rack: str
    boot_mac: str


@with_config(OPEN)
class SriovBody(TypedDict, total=False):
    vf_count: VfCount
    trustedmode: bool
    trustmode: bool


@with_config(OPEN)
class InterfaceBody(TypedDict, total=False):
    device_link: str
    slaves: list[str]
    networks: list[str]
    labels: dict[str, object]
    sriov: SriovBody


@with_config(CLOSED)
class PartitionFilesystem(TypedDict, total=False):
    mountpoint: str
    fstype: str
    mount_options: str
    fs_uuid: str
    fs_label: str


@with_config(OPEN)
class VolumeFilesystem(TypedDict, total=False):
    mountpoint: str
    fstype: str
    mount_options: str
    fs_uuid: str
    fs_label: str


@with_config(CLOSED)
class PartitionBody(TypedDict, total=False):
    name: Required[str]
    size: str
    part_uuid: Uuid
    bootable: bool
    volume_group: str
    labels: dict[str, str]
    filesystem: PartitionFilesystem


@with_config(OPEN)
class VolumeBody(TypedDict, total=False):
    name: Required[str]
    size: str
    lv_uuid: Uuid
    filesystem: VolumeFilesystem


@with_config(OPEN)
class DeviceBody(TypedDict, total=False):
    labels: dict[str, str]
    volume_group: str
    partitions: list[PartitionBody]


@with_config(OPEN)
class GroupBody(TypedDict, total=False):
    vg_uuid: Uuid
    logical_volumes: list[VolumeBody]


@with_config(OPEN)
class StorageBody(TypedDict, total=False):
    physical_devices: dict[str, DeviceBody | None]
    volume_groups: dict[str, GroupBody | None]


class HostBody(TypedDict, total=False):
    """The common fields; the documents are closed, each with its own configuration."""

    host_profile: str
    hardware_profile: str
    primary_network: str
    oob: dict[str, ScalarText]
    platform: PlatformBody
    metadata: MetadataBody
    interfaces: dict[str, InterfaceBody | None]
    storage: StorageBody


def layer_of(body: HostBody) -> Layer:
    """Return the fields the document gives, under their model names."""
    layer: Layer = {}
    if "hardware_profile" in body:
        layer["hardware_profile"] = body["hardware_profile"]
    if "primary_network" in body:
        layer["primary_network"] = body["primary_network"]
    if "oob" in body:
        parameters = dict(body["oob"])
        if "type" in parameters:
            layer["oob_type"] = parameters.pop("type").lower()
        layer["oob_parameters"] = parameters
    if "platform" in body:
        layer.update(body["platform"])
    if "metadata" in body:
        layer.update(body["metadata"])
        layer.pop("boot_mac", None)
    if "interfaces" in body:
        layer["interfaces"] = {
            name: None if entry is None else _interface(entry)
            for name, entry in body["interfaces"].items()
        }
    if "storage" in body:
        layer.update(_storage(body["storage"]))
    return layer


def duplicates(body: HostBody) -> Iterator[Violation]:
    """Devices that are named twice, and names twice in a list of partitions or volumes."""
    storage = body.get("storage", {})
    spelt: dict[str, str] = {}
    for device in storage.get("physical_devices") or {}:
        first = spelt.setdefault(device_key(device), device)
        if first != device:
            where = ("storage", "physical_devices", device)
            yield where, f"a device of its own is required, {first} is the same"
    for device, disk in (storage.get("physical_devices") or {}).items():
        names = [entry["name"] for entry in (disk or {}).get("partitions", ())]
        yield from _twice(("storage", "physical_devices", device, "partitions"), names)
    for group, entry in (storage.get("volume_groups") or {}).items():
        names = [volume["name"] for volume in (entry or {}).get("logical_volumes", ())]
        yield from _twice(("storage", "volume_groups", group, "logical_volumes"), names)


def _twice(path: tuple[str, ...], names: list[str]) -> Iterator[Violation]:
    taken = set()
    for i, name in enumerate(names):
        if name in taken:
            yield (*path, i, "name"), f"a name of its own is required, {name} is taken"
        taken.add(name)


def _interface(body: InterfaceBody) -> Layer:
    layer: Layer = {}
    if "device_link" in body:
        layer["network_link"] = body["device_link"]
    if "slaves" in body:
        layer["hardware_slaves"] = body["slaves"]
    if "networks" in body:
        layer["networks"] = body["networks"]
    if "sriov" in body:
        sriov = body["sriov"]
        layer["sriov"] = True
        if "vf_count" in sriov:
            layer["vf_count"] = sriov["vf_count"]
        if "trustmode" in sriov:
            layer["trustedmode"] = sriov["trustmode"]
        if "trustedmode" in sriov:
            layer["trustedmode"] = sriov["trustedmode"]
    return layer


def _storage(body: StorageBody) -> Layer:
    layer: Layer = {}
    if "physical_devices" in body:
        layer["storage_devices"] = {
            device_key(name): None if entry is None else _by_name(entry, "partitions")
            for name, entry in body["physical_devices"].items()
        }
    if "volume_groups" in body:
        layer["volume_groups"] = {
            name: None if entry is None else _by_name(entry, "logical_volumes")
            for name, entry in body["volume_groups"].items()
        }
    return layer


def device_key(name: str) -> str:
    """Return the name of a device without ``/dev/``; ``!`` before it stays."""
    mark = UNSET if name.startswith(UNSET) else ""
    return mark + name.removeprefix(UNSET).removeprefix("/dev/")


def _by_name(body: DeviceBody | GroupBody, entries: str) -> Layer:
    layer: Layer = dict(body)
    if entries in layer:
        layer[entries] = {entry["name"]: _volume(entry) for entry in layer[entries]}
    return layer


def _volume(body: PartitionBody | VolumeBody) -> Layer:
    """A partition or volume with its filesystem's fields beside its own."""
    layer: Layer = {k: v for k, v in body.items() if k not in ("name", "labels", "filesystem")}
    if "filesystem" in body:
        layer["formatted"] = True
        layer.update(body["filesystem"])
    return layer
