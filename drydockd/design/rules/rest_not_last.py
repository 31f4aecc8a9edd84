"""An entry that takes the rest of its container leaves next to nothing for those after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drydockd.design.rules import Verdict, error, warning
from drydockd.design.sizes import REST_BYTES, parse_size
from drydockd.design.storage import once_per_layout
from drydockd.errors import InvalidDesign
from drydockd.site import HostProfile, LogicalVolume, Partition, Site

ORDER, CODE, NAME = 250, "DD2907", "Rest of Storage"

HINT = "Let the one entry whose size begins with > be the last of its device or group."
Found = tuple[bool, str]


def check(site: Site) -> Iterator[Verdict]:
    judge = once_per_layout(_judge)
    for node in site.nodes.values():
        for is_error, text in judge(node):
            say = error if is_error else warning
            yield say(f"{text} on node {node.name}.", HINT, node.ref)


def _judge(profile: HostProfile) -> list[Found]:
    found: list[Found] = []
    for device in profile.storage_devices:
        found += _judge_container(f"device {device.name}", device.partitions)
    for group in profile.volume_groups:
        found += _judge_container(f"volume group {group.name}", group.logical_volumes)
    return found


def _judge_container(
    container: str, entries: Sequence[Partition | LogicalVolume]
) -> Iterator[Found]:
    greedy: Partition | LogicalVolume | None = None
    left = REST_BYTES
    for entry in entries:
        try:
            size = parse_size(entry.size or "")
        except InvalidDesign:
            continue  # DD2003 reports
        if greedy is None:
            greedy = entry if size.minimum else None
            continue
        # One percent of anything that is worth dividing is more than what is left.
        needed = size.size_bytes if size.size_bytes is not None else (size.percent or 0) * left * 2
        needed += REST_BYTES if size.minimum else 0
        what = (
            f"{entry.name} ({entry.size}) stands after {greedy.name} ({greedy.size}), which takes "
            f"the rest of {container} but {REST_BYTES >> 20} MiB: "
        )
        if needed > left:
            yield True, f"{what}nothing is left for it"
        else:
            yield False, f"{what}it gets at most {left} bytes"
            left -= needed
