"""What a node reports of a boot action, and how much of it is kept.

Source: contract, bootactions, section 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from drydockd.errors import TooLarge, TooMany
from drydockd.model import BootAction
from drydockd.store.codec import dumps
from drydockd.tasks.words.settings import ReportLimits

# What a message costs besides its text and fields: names, ids, time, its place in memory.
MESSAGE_BYTES = 256


@dataclass(frozen=True, slots=True)
class ReportDetail:
    """One entry of a report's `details`, with every further field the node sent."""

    message: str
    error: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)


class Spent(NamedTuple):
    """So many reports, and bytes of what they said. Each report makes five of these."""

    reports: int = 0
    bytes: int = 0

    def plus(self, reports: int, size_bytes: int) -> Spent:
        return Spent(self.reports + reports, self.bytes + size_bytes)


NOTHING = Spent()


def spent_on(rows: Iterable[BootAction], arriving: Mapping[str, Spent]) -> Spent:
    """Return what the boot actions used up; `arriving` is not in the store yet."""
    count = size = 0
    for row in rows:
        more = arriving.get(row.action_id, NOTHING)
        count += row.reports + more.reports
        size += row.report_bytes + more.bytes
    return Spent(count, size)


def size_bytes(details: Iterable[ReportDetail]) -> int:
    """Return what keeping them costs."""
    return sum(
        MESSAGE_BYTES + len(d.message.encode("utf-8", "replace")) + _extra_bytes(d) for d in details
    )


def admit(
    details: Sequence[ReportDetail], limits: ReportLimits, action: Spent, node: Spent
) -> None:
    """Raise TooLarge for a detail, TooMany for a report that is over a limit.

    `action` and `node` are what the boot action and its node have used up before.
    """
    for index, detail in enumerate(details):
        if problem := _oversize(detail, limits):
            raise TooLarge(f"details[{index}]: {problem}")
    if problem := _used_up(limits, action, node, size_bytes(details)):
        raise TooMany(f"{problem}; only a final status is taken now")


def fitting(
    details: Sequence[ReportDetail], limits: ReportLimits, action: Spent, node: Spent
) -> tuple[list[ReportDetail], str]:
    """Return what there is room for of a final report, and what to say of the rest, if any."""
    kept, causes, size = list[ReportDetail](), dict[str, None](), 0
    for detail in details:
        fitted = detail
        if problem := _oversize(detail, limits):
            causes[problem] = None
            fitted = replace(detail, extra={})
        wanted = size + size_bytes([fitted])
        if problem := _used_up(limits, action, node, wanted):
            causes[problem] = None
            continue
        size = wanted
        kept.append(fitted)
    if not causes:
        return kept, ""
    dropped = len(details) - len(kept)
    return kept, f"The final report was cut, {dropped} details of it dropped: {'; '.join(causes)}"


def _oversize(detail: ReportDetail, limits: ReportLimits) -> str:
    if len(detail.extra) > limits.detail_fields:
        return (
            f"{len(detail.extra)} further fields, at most {limits.detail_fields} are taken "
            "(bootactions.detail_fields)"
        )
    if (size := _extra_bytes(detail)) > limits.detail_bytes:
        return (
            f"{size} bytes of further fields, at most {limits.detail_bytes} are taken "
            "(bootactions.detail_bytes)"
        )
    return ""


def _used_up(limits: ReportLimits, action: Spent, node: Spent, more_bytes: int) -> str:
    for what, spent, reports, size, prefix in (
        ("boot action", action, limits.reports, limits.report_bytes, ""),
        ("node", node, limits.node_reports, limits.node_report_bytes, "node_"),
    ):
        if spent.reports >= reports:
            return (
                f"the {what} has sent {spent.reports} reports, at most {reports} are taken "
                f"(bootactions.{prefix}reports)"
            )
        if spent.bytes + more_bytes > size:
            return (
                f"the reports of the {what} would come to {spent.bytes + more_bytes} bytes, at "
                f"most {size} are kept (bootactions.{prefix}report_bytes)"
            )
    return ""


def _extra_bytes(detail: ReportDetail) -> int:
    return len(dumps(detail.extra, "a detail")) if detail.extra else 0
