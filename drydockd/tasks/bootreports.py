"""What nodes do on their own: fetch their boot data, report on their boot actions.

Works as soon as the store is open, before any task is resumed.
Source: contract, bootactions, sections 3 to 5; api, section 7.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from drydockd.errors import Conflict, NotFound
from drydockd.model import BootAction, BootActionStatus, BootContext, Timestamp, timestamp
from drydockd.render import ActionGrant
from drydockd.store.base import Change, Edit, Put
from drydockd.tasks import bootrows
from drydockd.tasks.core import Core
from drydockd.tasks.words import records

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReportDetail:
    """One entry of a report's `details`, with every further field the node sent."""

    message: str
    error: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


class BootReports:
    """The nodes' side of deployments. Keys are checked before, by who took the request."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._store = core.store
        self._contacts: dict[str, Timestamp] = {}

    def grants(self, context: BootContext) -> dict[str, ActionGrant]:
        """Return boot action name -> id and key, of the rows of this context."""
        rows = self._store.boot_actions(context.node, context_id=context.context_id)
        return bootrows.grants(rows, self._core.bootkeys)

    async def report(
        self,
        action_id: str,
        status: BootActionStatus | None,
        details: Sequence[ReportDetail],
    ) -> BootAction:
        """Record details and, if given, the final `status` in one durable write.

        Returns the row as it is then. Raises NotFound, and Conflict once the action has
        ended or was superseded: of two final reports exactly one is taken.
        """
        row = self._store.boot_action(action_id)
        changes: list[Change] = [
            Edit(BootAction, action_id, partial(_reported, status=status, now=timestamp()))
        ]
        changes += self._messages(row, details)
        await self._store.write(*changes)
        self._contacts[row.node] = timestamp()
        return self._store.boot_action(action_id)

    async def note_delivery(self, host: str, kind: str) -> None:
        """Note that the node fetched its ``units`` or ``files``; the first time durably.

        For a host without a context, or a closed one, this does nothing.
        """
        self._contacts[host] = timestamp()
        context = bootrows.current(self._store, host)
        if context is None or kind in context.delivered:
            return
        changes: list[Change] = [
            Edit(
                BootContext,
                host,
                partial(_delivered, context_id=context.context_id, kind=kind, now=timestamp()),
            )
        ]
        if self._has_task(context.task_id):
            text = f"{host}: fetched its boot data ({kind})"
            changes.append(Put(records.on_node(context.task_id, host, text)))
        await self._store.write(*changes)

    async def note_render_failure(self, host: str, text: str) -> None:
        """Tell the deployment's task why the node did not get its boot data."""
        context = bootrows.current(self._store, host)
        if context is not None and self._has_task(context.task_id):
            message = records.on_node(context.task_id, host, f"{host}: {text}", error=True)
            await self._store.write(Put(message))

    def last_contact(self, node: str) -> Timestamp | None:
        """When the node was last heard of: boot data fetched or anything reported."""
        moments = [self._contacts.get(node, "")]
        context = bootrows.current(self._store, node)
        if context is not None:
            moments += context.delivered.values()
            rows = self._store.boot_actions(node, context_id=context.context_id)
            moments += [row.updated for row in rows if row.updated > row.created]
        return max(moments) or None

    def _messages(self, row: BootAction, details: Sequence[ReportDetail]) -> list[Change]:
        if not details:
            return []
        if not self._has_task(row.task_id):
            log.warning(
                "%s: %d details of boot action %s (%s) dropped, task %s is gone",
                row.node,
                len(details),
                row.name,
                row.action_id,
                row.task_id,
            )
            return []
        return [
            Put(
                records.message(
                    row.task_id,
                    detail.message,
                    error=detail.error,
                    context_type="bootaction",
                    context=row.action_id,
                    extra=detail.extra,
                )
            )
            for detail in details
        ]

    def _has_task(self, task_id: str) -> bool:
        try:
            self._store.task(task_id)
        except NotFound:
            return False
        return True


def _reported(row: BootAction, status: BootActionStatus | None, now: Timestamp) -> BootAction:
    if row.status is not BootActionStatus.INCOMPLETE or row.closed is not None:
        raise Conflict(f"Action {row.action_id} status finalized, not available for update.")
    return replace(row, status=status or row.status, updated=now)


def _delivered(context: BootContext, context_id: str, kind: str, now: Timestamp) -> BootContext:
    if context.context_id != context_id or kind in context.delivered:
        return context
    return replace(context, delivered={**context.delivered, kind: now})
