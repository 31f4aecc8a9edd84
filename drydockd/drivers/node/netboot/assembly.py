"""From the core's plans and a deployment to the one plan that the agent is given. Pure.

Secrets are left out: what is stored has none, `with_secrets` adds them when the agent asks.
Source: contract, netboot, sections 5 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from drydockd.drivers.node.netboot.fstab import fstab
from drydockd.drivers.node.netboot.installplan import (
    FileEntry,
    ImageEntry,
    InstallPlan,
)
from drydockd.drivers.node.netboot.layout import MIB, layout
from drydockd.drivers.node.netboot.networkd import macs, networkd_files
from drydockd.drivers.node.netboot.target import (
    FIRST_BOOT_UNIT,
    Target,
    target_files,
)
from drydockd.errors import DriverUnsupported
from drydockd.images.catalogue import Image
from drydockd.plans import BootDelivery, DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.site import Repository

# The unpacked files, a fifth more for what a system writes at first, and a squashfs that lies there
# while it is unpacked.
SPARE = 0.2
NEWEST = "ga-"


@dataclass(frozen=True, slots=True)
class Applied:
    """What the core has applied to a node, complete."""

    network: NetworkPlan
    storage: StoragePlan
    platform: PlatformPlan


@dataclass(frozen=True, slots=True)
class SiteWide:
    """What is the same for every node of a site."""

    repositories: tuple[Repository, ...] = ()
    remove_unlisted: bool = False


def assemble(
    name: str, applied: Applied, spec: DeploySpec, image: Image, site: SiteWide
) -> InstallPlan:
    """Return the plan without secrets. Raises DriverUnsupported naming field and value."""
    kernel = kernel_of(image, applied.platform.kernel)
    storage = layout(applied.storage, spec.deployment_id)
    check_room(applied.storage, image)
    check_features(applied.storage, image)
    target = Target(
        hostname=name,
        domain=spec.domain,
        image=image.name,
        kernel_params=applied.platform.kernel_params,
        dns_servers=applied.network.dns_servers,
        authorized_keys=spec.authorized_keys,
        repositories=site.repositories,
        remove_unlisted=site.remove_unlisted,
    )
    files = (
        FileEntry("/etc/fstab", fstab(storage)),
        *target_files(target),
        *networkd_files(applied.network),
    )
    packages = tuple(
        f"{package}={version}" if version else package for package, version in spec.packages.items()
    )
    return InstallPlan(
        node=name,
        deployment_id=spec.deployment_id,
        image=ImageEntry(image.sha256, image.bytes, image.kind),
        storage=storage,
        files=files,
        nics=macs(applied.network),
        kernel=kernel,
        kernel_params=applied.platform.kernel_params,
        packages=packages,
        units=(FIRST_BOOT_UNIT,),
    )


def kernel_of(image: Image, wanted: str | None) -> str | None:
    """Return the image's kernel of that name; None, and ``ga-*``, mean its newest."""
    if wanted is None or wanted.startswith(NEWEST):
        return None
    if wanted not in image.kernels:
        there = ", ".join(image.kernels) or "none that it tells"
        raise DriverUnsupported(
            f"platform.kernel {wanted}: image {image.name} has {there}, and ga-* for its newest"
        )
    return wanted


def check_room(storage: StoragePlan, image: Image) -> None:
    """Raise DriverUnsupported unless the image fits the root, its squashfs beside it."""
    if storage.root is None:
        raise DriverUnsupported("storage: nothing is mounted at /")
    container, entry = storage.root
    sizes = {
        (disk.device.name, part.name): part.size_bytes
        for disk in storage.disks
        for part in disk.partitions
    } | {
        (group.name, volume.name): volume.size_bytes
        for group in storage.volume_groups
        for volume in group.volumes
    }
    needed = int(image.unpacked_bytes * (1 + SPARE)) + (
        image.bytes if image.kind == "squashfs" else 0
    )
    size = sizes[container, entry]
    if size < needed:
        raise DriverUnsupported(
            f"storage: {container}/{entry} is mounted at / and has {size // MIB} MiB; "
            f"image {image.name} needs {-(-needed // MIB)}"
        )


def check_features(storage: StoragePlan, image: Image) -> None:
    """Raise DriverUnsupported where the installed system could not start its volumes."""
    if storage.volume_groups and "lvm" not in image.features:
        groups = ", ".join(group.name for group in storage.volume_groups)
        raise DriverUnsupported(
            f"storage: volume group {groups}; image {image.name} has no lvm2 to start it with"
        )


def with_secrets(
    plan: Mapping[str, Any], boot: BootDelivery | None, report: Sequence[FileEntry]
) -> dict[str, Any]:
    """Return the wire form of a stored plan with what only the agent may see; `report` are the
    files of the first boot's report."""
    fetch = None
    if boot is not None:
        fetch = {"url": boot.base_url, "key": boot.key, "hostname": boot.hostname}
    files = [*plan["files"], *(asdict(file) for file in report)]
    return {**plan, "files": files, "boot": fetch}
