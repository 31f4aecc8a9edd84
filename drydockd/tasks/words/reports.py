"""What a node reports of a boot action, and how much of it is kept.

`reported` and `heard` are edits for the store, as those of `ways`: what is over a limit is
decided there, so that the limits hold for all daemons that nodes talk to.
Source: contract, bootactions, section 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from drydockd.errors import TooLarge, TooMany
from drydockd.model import BootAction, BootActionStatus, BootContext, Timestamp, changed
from drydockd.store.codec import dumps
from drydockd.tasks.words import ways
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

    def __or__(self, other: Spent) -> Spent:
        """Return the greater of each: two accounts of the same, of which one may lack some."""
        return Spent(max(self.reports, other.reports), max(self.bytes, other.bytes))


NOTHING = Spent()
# More than a node has under way at the same time: as many connections as an address may hold.
UNDER_WAY = Spent(1024, 1 << 20)
# Whose reports are counted.
ACTION, NODE = "boot action", "node"


class Full(TooMany):
    """A report is over a limit of its boot action or node (`of`), which have used up `spent`."""

    def __init__(self, problem: str, of: str, spent: Spent) -> None:
        super().__init__(f"{problem}; only a final status is taken now")
        self.of = of
        self.spent = spent


@dataclass(frozen=True, slots=True)
class Share:
    """What one report takes. `limits` are those it must not break; None: it is taken anyhow."""

    size_bytes: int
    limits: ReportLimits | None = None


def spent_on(rows: Iterable[BootAction]) -> Spent:
    """Return what the boot actions used up."""
    count = size = 0
    for row in rows:
        count += row.reports
        size += row.report_bytes
    return Spent(count, size)


def size_bytes(details: Iterable[ReportDetail]) -> int:
    """Return what keeping them costs."""
    return sum(
        MESSAGE_BYTES + len(d.message.encode("utf-8", "replace")) + _extra_bytes(d) for d in details
    )


def check_sizes(details: Sequence[ReportDetail], limits: ReportLimits) -> None:
    """Raise TooLarge for a detail that is over a limit."""
    for index, detail in enumerate(details):
        if problem := _oversize(detail, limits):
            raise TooLarge(f"details[{index}]: {problem}")


def check_action(limits: ReportLimits, spent: Spent, more_bytes: int) -> None:
    """Raise Full for one more report of a boot action that has used up `spent`."""
    if problem := _used_up_by_action(limits, spent, more_bytes):
        raise Full(problem, ACTION, spent)


def is_near(limits: ReportLimits, spent: Spent) -> bool:
    """Whether a node that has used up `spent` may come to a limit by what is under way now."""
    most = spent.plus(*UNDER_WAY)
    return most.reports >= limits.node_reports or most.bytes >= limits.node_report_bytes


def check_node(limits: ReportLimits, spent: Spent, more_bytes: int) -> None:
    """Raise Full for one more report of a node that has used up `spent`."""
    if problem := _used_up_by_node(limits, spent, more_bytes):
        raise Full(problem, NODE, spent)


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
        problem = _used_up_by_action(limits, action, wanted) or _used_up_by_node(
            limits, node, wanted
        )
        if problem:
            causes[problem] = None
            continue
        size = wanted
        kept.append(fitted)
    if not causes:
        return kept, ""
    dropped = len(details) - len(kept)
    return kept, f"The final report was cut, {dropped} details of it dropped: {'; '.join(causes)}"


def reported(
    row: BootAction,
    status: BootActionStatus | None,
    now: Timestamp,
    share: Share,
) -> BootAction:
    """Return the row with one more report. Raises Conflict once the action has ended, and Full."""
    ways.check_open(row)
    if share.limits is not None:
        check_action(share.limits, Spent(row.reports, row.report_bytes), share.size_bytes)
    return changed(
        row,
        status=status or row.status,
        updated=now,
        reports=row.reports + 1,
        report_bytes=row.report_bytes + share.size_bytes,
    )


def heard(
    context: BootContext,
    context_id: str,
    known: Spent,
    share: Share,
) -> BootContext:
    """The same of the node's deployment; `known` is what its rows are known to have used up.

    A context that an older drydockd began does not tell. Raises Full; a superseded one stays
    as it is.
    """
    if context.context_id != context_id:
        return context
    spent = Spent(context.reports, context.report_bytes) | known
    if share.limits is not None:
        check_node(share.limits, spent, share.size_bytes)
    spent = spent.plus(1, share.size_bytes)
    return changed(context, reports=spent.reports, report_bytes=spent.bytes)


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


def _used_up_by_action(limits: ReportLimits, spent: Spent, more_bytes: int) -> str:
    most = Spent(limits.reports, limits.report_bytes)
    return _used_up(ACTION, spent, most, more_bytes, "bootactions.")


def _used_up_by_node(limits: ReportLimits, spent: Spent, more_bytes: int) -> str:
    most = Spent(limits.node_reports, limits.node_report_bytes)
    return _used_up(NODE, spent, most, more_bytes, "bootactions.node_")


def _used_up(of: str, spent: Spent, most: Spent, more_bytes: int, option: str) -> str:
    if spent.reports >= most.reports:
        return (
            f"the {of} has sent {spent.reports} reports, at most {most.reports} are taken "
            f"({option}reports)"
        )
    if spent.bytes + more_bytes > most.bytes:
        return (
            f"the reports of the {of} would come to {spent.bytes + more_bytes} bytes, at "
            f"most {most.bytes} are kept ({option}report_bytes)"
        )
    return ""


def _extra_bytes(detail: ReportDetail) -> int:
    return len(dumps(detail.extra, "a detail")) if detail.extra else 0
