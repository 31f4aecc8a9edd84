"""What a whole-disk image cannot be: each design value that is not honoured, by its field. Pure.

Asked before a node is commissioned, from the design, and before it is configured, from the plans:
nothing was written or wiped by then. Source: contract, ironic, sections 1 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drydockd.drivers.node.ironic.options import Image, IronicOptions
from drydockd.errors import DriverUnsupported
from drydockd.plans import DiskPlan, FilesystemPlan, PartitionPlan, PlatformPlan, StoragePlan
from drydockd.site import Catalogue, Node, Partition

WHOLE = "an image of a whole disk"
# What is left behind an entry that takes the rest: its partition table, and rounding.
REST_BYTES = 1 << 30
USUAL_OPTIONS = "defaults"


def check_node(node: Node, options: IronicOptions) -> None:
    """Raise DriverUnsupported with every field of the node that cannot be honoured."""
    has_params = bool(node.kernel_params)
    problems = [
        *_of_storage(node, options),
        *_of_interfaces(node),
        *_of_platform(node.image, node.kernel, has_params, options),
    ]
    _refuse(node.name, problems)


def check_platform(plan: PlatformPlan, options: IronicOptions, who: str) -> None:
    """The same for the platform, once it is planned."""
    _refuse(who, _of_platform(plan.image, plan.kernel, bool(plan.kernel_params.strip()), options))


def check_storage(plan: StoragePlan, who: str) -> DiskPlan:
    """Return the disk that is to hold the image. Raises DriverUnsupported by field."""
    problems = [
        f"storage.volume_groups.{group.name}: {WHOLE} has no volume groups"
        for group in plan.volume_groups
    ]
    used = [disk for disk in plan.disks if disk.partitions or disk.volume_group]
    for disk in used:
        problems += _of_disk(disk)
    roots = [disk for disk in used if plan.root and disk.device.name == plan.root[0]]
    if not roots and not problems:
        problems.append("storage: nothing is mounted at /")
    _refuse(who, problems)
    return roots[0]


def _of_disk(disk: DiskPlan) -> Iterator[str]:
    where = f"storage.physical_devices.{disk.device.name}"
    if disk.volume_group:
        yield f"{where}.volume_group: {WHOLE} has no volume groups"
    for partition in disk.partitions:
        yield from _of_planned(f"{where}.partitions.{partition.name}", partition, disk)


def _of_planned(where: str, partition: PartitionPlan, disk: DiskPlan) -> Iterator[str]:
    if partition.filesystem is None or partition.filesystem.mountpoint != "/":
        yield f"{where}: {WHOLE} has no partition of the design's but the one for /"
        return
    if disk.size_bytes - partition.size_bytes > REST_BYTES:
        yield _size(where, f"{partition.size_bytes} bytes")
    if partition.part_uuid:
        yield f"{where}.part_uuid: {partition.part_uuid}: {WHOLE} brings its own"
    yield from _of_filesystem(where, partition.filesystem)


def _of_filesystem(where: str, filesystem: FilesystemPlan) -> Iterator[str]:
    given = {
        "fs_uuid": filesystem.uuid,
        "fs_label": filesystem.label,
        "mount_options": None if filesystem.options == USUAL_OPTIONS else filesystem.options,
    }
    for field, value in given.items():
        if value:
            yield f"{where}.filesystem.{field}: {value}: {WHOLE} brings its own"


def _of_storage(node: Node, options: IronicOptions) -> Iterator[str]:
    for group in node.volume_groups:
        yield f"storage.volume_groups.{group.name}: {WHOLE} has no volume groups"
    image = options.images.get(node.image or "")
    for device in node.storage_devices:
        where = f"storage.physical_devices.{device.name}"
        if device.volume_group:
            yield f"{where}.volume_group: {device.volume_group}: {WHOLE} has no volume groups"
        for partition in device.partitions:
            yield from _of_designed(f"{where}.partitions.{partition.name}", partition, image)


def _of_designed(where: str, partition: Partition, image: Image | None) -> Iterator[str]:
    if partition.mountpoint != "/":
        at = partition.mountpoint or partition.volume_group or "nowhere"
        yield f"{where}: at {at}: {WHOLE} has no partition of the design's but the one for /"
        return
    size = partition.size or ""
    if not size.startswith(">") and size != "100%":
        yield _size(where, size)
    if partition.part_uuid:
        yield f"{where}.part_uuid: {partition.part_uuid}: {WHOLE} brings its own"
    fstype = partition.fstype or "ext4"
    if image is not None and fstype != image.filesystem:
        yield f"{where}.filesystem.fstype: {fstype}: the image has {image.filesystem}"
    yield from _of_filesystem(
        where,
        FilesystemPlan(
            fstype,
            "/",
            partition.mount_options or USUAL_OPTIONS,
            partition.fs_uuid,
            partition.fs_label,
        ),
    )


def _size(where: str, size: str) -> str:
    return f"{where}.size: {size}: {WHOLE} grows to the end of its disk; say a minimum, as '>20g'"


def _of_interfaces(node: Node) -> Iterator[str]:
    for interface in node.interfaces:
        if interface.sriov:
            yield (
                f"interfaces.{interface.device_name}.sriov: a configdrive cannot set up virtual "
                "functions"
            )


def _of_platform(
    image: str | None, kernel: str | None, has_params: bool, options: IronicOptions
) -> Iterator[str]:
    found = options.images.get(image or "")
    if found is None:
        there_are = ", ".join(sorted(options.images)) or "none"
        yield f"platform.image: {image or 'none'}: ironic_driver.images has {there_are}"
    elif kernel and not Catalogue({"it": found.kernels}).has_kernel("it", kernel):
        brings = ", ".join(found.kernels) or "its own (ironic_driver.images names no kernels of it)"
        yield f"platform.kernel: {kernel}: image {image} brings {brings}"
    if has_params and not options.kernel_append_params:
        yield (
            f"platform.kernel_params: {WHOLE} boots with its own; see "
            "ironic_driver.kernel_append_params"
        )


def _refuse(who: str, problems: Iterable[str]) -> None:
    found = list(problems)
    if found:
        raise DriverUnsupported(f"{who}: Ironic cannot honour: {'; '.join(found)}")
