"""How boot contexts and boot actions change: pure functions, for the store's compare-and-set.

Each may be called more than once, the last time on the newest value.
"""

from __future__ import annotations

from dataclasses import replace

from drydockd.errors import Conflict
from drydockd.model import BootAction, BootActionStatus, BootContext, Timestamp


class Told(Conflict):
    """It was said already, by this daemon or another one, or nobody asks any more."""


def closed(row: BootAction, now: Timestamp) -> BootAction:
    """End what is served of an action; its first end stays."""
    return row if row.closed is not None else replace(row, closed=now)


def check_open(row: BootAction) -> None:
    """Raise Conflict once it has ended or was superseded."""
    if row.status is not BootActionStatus.INCOMPLETE or row.closed is not None:
        raise Conflict(f"Action {row.action_id} status finalized, not available for update.")


def reported(
    row: BootAction, status: BootActionStatus | None, now: Timestamp, reports: int, kept_bytes: int
) -> BootAction:
    """Take `reports`, of which so much is kept. Raises Conflict as `check_open`."""
    check_open(row)
    return replace(
        row,
        status=status or row.status,
        updated=now,
        reports=row.reports + reports,
        report_bytes=row.report_bytes + kept_bytes,
    )


def delivered(context: BootContext, context_id: str, kind: str, now: Timestamp) -> BootContext:
    """Note that the node has its ``units`` or ``files``. Raises Told."""
    is_known = kind in context.delivered and kind not in context.failed
    if is_known or context.context_id != context_id or context.closed is not None:
        raise Told(f"{context.node}: it is known that its boot data was fetched")
    failed = {name: text for name, text in context.failed.items() if name != kind}
    return replace(context, delivered={kind: now, **context.delivered}, failed=failed)


def failed(context: BootContext, context_id: str, kind: str, text: str) -> BootContext:
    """Note why its boot data cannot be made. Raises Told."""
    _check_untold(context, context_id, context.failed.get(kind), text)
    return replace(context, failed={**context.failed, kind: text})


def troubled(context: BootContext, context_id: str, kind: str, text: str) -> BootContext:
    """Note why its boot data cannot be made now. Raises Told."""
    _check_untold(context, context_id, context.troubles.get(kind), text)
    return replace(context, troubles={**context.troubles, kind: text})


def _check_untold(context: BootContext, context_id: str, told: str | None, text: str) -> None:
    if context.context_id != context_id or context.closed is not None or told == text:
        raise Told(f"{context.node}: nothing to tell of its boot data")


def ended(context: BootContext, now: Timestamp) -> BootContext:
    """End what is served of a deployment; nothing is pinned for it any more."""
    return replace(context, closed=context.closed or now, pins=())


def released(context: BootContext, context_id: str) -> BootContext:
    """Let go of what is pinned for it."""
    return replace(context, pins=()) if context.context_id == context_id else context
