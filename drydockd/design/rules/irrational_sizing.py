"""Sizes must be readable, and percentages must leave room on what they are percentages of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from drydockd.design.rules import Verdict, error
from drydockd.design.sizes import parse_size
from drydockd.design.storage import once_per_layout
from drydockd.errors import InvalidDesign
from drydockd.site import HostProfile, LogicalVolume, Partition, Site

ORDER, CODE, NAME = 110, "DD2003", "Storage Sizing"

MOST_PERCENT = 99
_is_negative = re.compile(r">?-[0-9]+(?:\.[0-9]+)?%").fullmatch


def check(site: Site) -> Iterator[Verdict]:
    judge = once_per_layout(_judge)
    for node in site.nodes.values():
        for text, hint in judge(node):
            yield error(f"{text} on node {node.name}.", hint, node.ref)


def _judge(profile: HostProfile) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for device in profile.storage_devices:
        found += _judge_container(f"device {device.name}", "partition", device.partitions)
    for group in profile.volume_groups:
        found += _judge_container(
            f"volume group {group.name}", "logical volume", group.logical_volumes
        )
    return found


def _judge_container(
    container: str, kind: str, entries: Sequence[Partition | LogicalVolume]
) -> Iterator[tuple[str, str]]:
    percent = 0
    for entry in entries:
        try:
            percent += parse_size(entry.size or "").percent or 0
        except InvalidDesign:
            yield _bad_size(f"{kind} {entry.name} of {container}", entry.size)
    if percent > MOST_PERCENT:
        yield (
            f"the percentages on {container} sum to {percent}",
            f"Let them sum to at most {MOST_PERCENT}; the rest is needed for metadata.",
        )


def _bad_size(entry: str, size: str | None) -> tuple[str, str]:
    if size is None:
        return f"{entry} has no size", "Give it a size such as 30g, >30g or 40%."
    if _is_negative(size):
        return f"{entry} has the negative size {size}", "Write a percentage from 0% to 99%."
    return (
        f"{entry} has size {size!r}, which cannot be read",
        "Write digits and a unit without blanks: m, g, t, mi, gi, ti (also mb, gib, ...) or %, "
        "with > in front for a minimum.",
    )
