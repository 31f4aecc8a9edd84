"""The ways of a deployment's records: edits for the store, pure, evaluated on the newest value.

Any daemon that nodes talk to makes them, so what is said once is decided here, not by a look
before.
"""

from __future__ import annotations

from dataclasses import replace

from drydockd.errors import Conflict
from drydockd.model import BootAction, BootActionStatus, BootContext, Timestamp, changed


class ToldBefore(Conflict):
    """Somebody was faster with the same note: nothing is written, and nothing is missing."""


def was_delivered(context: BootContext, kind: str) -> bool:
    """Return whether the node fetched this, and nothing failed since."""
    return kind in context.delivered and kind not in context.failed


def closed(row: BootAction, now: Timestamp) -> BootAction:
    return row if row.closed is not None else changed(row, closed=now)


def check_open(row: BootAction) -> None:
    """Raise Conflict once the action has ended or was superseded."""
    if row.status is not BootActionStatus.INCOMPLETE or row.closed is not None:
        raise Conflict(f"Action {row.action_id} status finalized, not available for update.")


def delivered(context: BootContext, context_id: str, kind: str, now: Timestamp) -> BootContext:
    """Raises ToldBefore if somebody noted it before, and for a superseded context."""
    if context.context_id != context_id or was_delivered(context, kind):
        raise ToldBefore(f"{context.node}: its fetch of {kind} is known, or its deployment over")
    failed = {name: text for name, text in context.failed.items() if name != kind}
    return replace(context, delivered={kind: now, **context.delivered}, failed=failed)


def failed(context: BootContext, context_id: str, kind: str, text: str) -> BootContext:
    """Raises ToldBefore if somebody noted it before, and for a superseded context."""
    _check_untold(context, context_id, context.failed.get(kind), text)
    return replace(context, failed={**context.failed, kind: text})


def troubled(context: BootContext, context_id: str, kind: str, text: str) -> BootContext:
    """The same of what may pass: it is told, and nobody gives up for it."""
    _check_untold(context, context_id, context.troubles.get(kind), text)
    return replace(context, troubles={**context.troubles, kind: text})


def _check_untold(context: BootContext, context_id: str, told: str | None, text: str) -> None:
    if context.context_id != context_id or told == text:
        raise ToldBefore(f"{context.node}: its failure is known, or its deployment over")


def ended(context: BootContext, now: Timestamp) -> BootContext:
    return replace(context, closed=context.closed or now, pins=())


def released(context: BootContext, context_id: str) -> BootContext:
    return replace(context, pins=()) if context.context_id == context_id else context
