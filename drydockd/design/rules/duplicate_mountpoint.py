"""One mountpoint must not be used twice on a node."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.design.storage import mountpoint_of, once_per_layout, volumes
from drydockd.site import HostProfile, Site

ORDER, CODE, NAME = 120, "DD2004", "Storage Mountpoint"


def check(site: Site) -> Iterator[Verdict]:
    judge = once_per_layout(_duplicates)
    for node in site.nodes.values():
        for mountpoint in judge(node):
            yield error(
                f"mountpoint {mountpoint} is used more than once on node {node.name}.",
                "Give every partition and logical volume of a node its own mountpoint.",
                node.ref,
            )


def _duplicates(profile: HostProfile) -> list[str]:
    seen: set[str] = set()
    duplicates: dict[str, None] = {}
    for _, entry in volumes(profile):
        mountpoint = mountpoint_of(entry)
        if mountpoint is None:
            continue
        if mountpoint in seen:
            duplicates[mountpoint] = None
        seen.add(mountpoint)
    return list(duplicates)
