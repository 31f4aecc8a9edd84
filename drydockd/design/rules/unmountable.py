"""Mountpoints are absolute paths, and something must be mounted at /."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.design.storage import mounted_at, once_per_layout, volumes
from drydockd.site import HostProfile, Site

ORDER, CODE, NAME = 260, "DD2908", "Mountpoint Validity"

# What fstab(5) has in the place of a mountpoint for swap space.
SWAP = ("none", "swap", "sw")
ROOTS = ("root", "rootfs", "")


def check(site: Site) -> Iterator[Verdict]:
    judge = once_per_layout(_judge)
    for node in site.nodes.values():
        for text, hint in judge(node):
            yield error(f"{text} on node {node.name}.", hint, node.ref)


def _judge(profile: HostProfile) -> list[tuple[str, str]]:
    found = []
    is_root_meant = False
    for container, entry in volumes(profile):
        point = entry.mountpoint
        if not point or point.startswith("/") or (entry.fstype == "swap" and point in SWAP):
            continue
        meant = "/" if point.strip("./ ").lower() in ROOTS else f"/{point.strip('./ ')}"
        is_root_meant |= meant == "/"
        found.append(
            (
                f"mountpoint {point!r:.80} of {entry.name} on {container} is no absolute path",
                f"Write an absolute path; did you mean {meant}?",
            )
        )
    # Without any root volume rule DD1001 says so.
    has_root = any(entry.name == "root" for _, entry in volumes(profile))
    if mounted_at(profile, "/") is None and has_root and not is_root_meant:
        found.append(
            (
                "nothing is mounted at /",
                "Give one partition or logical volume a filesystem with mountpoint: /.",
            )
        )
    return found
