"""What the agent is told to install: bytes and identities, no sizes to compute. Pure data.

The wire form is `wire_form`: one JSON object with the field names of these classes. The agent
(`drydockd/agent/install`) reads exactly these; `VERSION` changes when one changes its meaning.
Source: contract, netboot, section 6.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1


@dataclass(frozen=True, slots=True)
class DiskIdentity:
    """How the agent finds a disk: the first of these that is told, `name` at last."""

    name: str
    serial: str | None = None
    wwn: str | None = None
    bus_address: str | None = None


@dataclass(frozen=True, slots=True)
class PartitionEntry:
    """`use` is ``linux``, ``lvm``, ``bios`` (GRUB's own) or ``esp``; `start_mib` and `size_mib`
    are whole MiB from the disk's begin."""

    number: int
    name: str
    use: str
    start_mib: int
    size_mib: int
    uuid: str | None = None


@dataclass(frozen=True, slots=True)
class DiskEntry:
    """One disk to be written; a physical volume as a whole where it has no partitions."""

    find: DiskIdentity
    size_bytes: int
    partitions: tuple[PartitionEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something lives: disk (its index in the plan) and partition number, a disk as a
    whole (`partition` None), or a logical volume of a group."""

    disk: int | None = None
    partition: int | None = None
    group: str | None = None
    volume: str | None = None


@dataclass(frozen=True, slots=True)
class VolumeEntry:
    """`extents` of 4 MiB."""

    name: str
    extents: int
    uuid: str | None = None


@dataclass(frozen=True, slots=True)
class GroupEntry:
    name: str
    members: tuple[Place, ...]
    volumes: tuple[VolumeEntry, ...] = ()
    uuid: str | None = None


@dataclass(frozen=True, slots=True)
class FilesystemEntry:
    """`uuid` is always set, so that /etc/fstab is known before the disk is written."""

    place: Place
    kind: str
    uuid: str
    mountpoint: str
    options: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class StorageLayout:
    """`boot_disk` is the index of the disk that the firmware starts from."""

    disks: tuple[DiskEntry, ...]
    groups: tuple[GroupEntry, ...]
    filesystems: tuple[FilesystemEntry, ...]
    boot_disk: int


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the installed system. `mode` is numeric; `text` ends as it is to end."""

    path: str
    text: str = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """`kind` is ``squashfs`` or ``tar.zst``."""

    sha256: str
    size_bytes: int
    kind: str


@dataclass(frozen=True, slots=True)
class BootFetch:
    """Where the agent fetches the boot data of the node. The key is never logged."""

    url: str
    key: str = field(repr=False)
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """All of one installation. `nics` are MACs that must be there before anything is written.

    `kernel_params` is the line of the design; `kernel` names the image's kernel (None: its
    newest). `packages` are ``name`` or ``name=version``; `units` are enabled in it.
    """

    node: str
    deployment_id: str
    image: ImageEntry
    storage: StorageLayout
    files: tuple[FileEntry, ...]
    nics: tuple[str, ...] = ()
    kernel: str | None = None
    kernel_params: str = ""
    packages: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    boot: BootFetch | None = None
    firmware: str | None = None


def wire_form(plan: InstallPlan) -> dict[str, Any]:
    """Return `plan` as the JSON object that goes over the wire."""
    return {"version": VERSION, **asdict(plan)}
