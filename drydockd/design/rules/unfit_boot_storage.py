"""A node needs a root volume large enough to install on, and a boot volume, if any, likewise."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.design.sizes import parse_size
from drydockd.design.storage import mountpoint_of, once_per_layout, volumes
from drydockd.errors import InvalidDesign
from drydockd.site import HostProfile, LogicalVolume, Partition, Site

ORDER, CODE, NAME = 10, "DD1001", "Rational Boot Storage"

GB = 10**9
SMALLEST_ROOT = 20 * GB
SMALLEST_BOOT = 1 * GB


def check(site: Site) -> Iterator[Verdict]:
    judge = once_per_layout(_judge)
    for node in site.nodes.values():
        for text, hint in judge(node):
            yield error(f"{text} on node {node.name}.", hint, node.ref)


def _judge(profile: HostProfile) -> list[tuple[str, str]]:
    root = _volume(profile, "/", "root")
    boot = _volume(profile, "/boot", "boot")
    found = []
    if root is None:
        found.append(
            (
                "there is no root volume",
                "Define a partition or logical volume of at least 20 GB, mounted at /.",
            )
        )
    else:
        found += _judge_size("root", root, SMALLEST_ROOT)
    if boot is not None:
        found += _judge_size("boot", boot, SMALLEST_BOOT)
    return found


def _volume(profile: HostProfile, mountpoint: str, name: str) -> Partition | LogicalVolume | None:
    """What is mounted there, else what is called so, wherever it stands."""
    entries = [entry for _, entry in volumes(profile)]
    for entry in entries:
        if mountpoint_of(entry) == mountpoint:
            return entry
    return next((entry for entry in entries if entry.name == name), None)


def _judge_size(
    role: str, entry: Partition | LogicalVolume, smallest: int
) -> list[tuple[str, str]]:
    try:
        size = parse_size(entry.size or "")
    except InvalidDesign:
        return [
            (
                f"the {role} volume {entry.name} has bad size format {entry.size!r}",
                "Write the size as digits and a unit, such as 30g, >30g or 40%.",
            )
        ]
    # A percentage cannot be judged without the disk.
    if size.size_bytes is not None and size.size_bytes < smallest:
        return [
            (
                f"the {role} volume {entry.name} has {entry.size}, less than {smallest // GB} GB,",
                f"Give the {role} volume at least {smallest // GB} GB.",
            )
        ]
    return []
