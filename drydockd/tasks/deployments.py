"""The deployments of nodes: boot contexts, boot actions, their keys, and what nodes report.

Everything that is known of a deployment besides its task is asked and changed here, by the
steps that deploy and destroy and by the handlers that nodes talk to. It works as soon as the
store is open, before any task is resumed.
Source: contract, bootactions, sections 3 to 5; api, section 7.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial

from ulid import ULID

from drydockd.auth.bootkey import BootKeys
from drydockd.errors import NotFound
from drydockd.model import (
    BootAction,
    BootActionStatus,
    BootContext,
    Caller,
    Message,
    Task,
    Timestamp,
    timestamp,
)
from drydockd.render import ActionGrant
from drydockd.site import BootActionSpec
from drydockd.store.base import Change, Edit, Put, Store
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.shared.contacts import Contacts
from drydockd.tasks.words import messages, reports, ways
from drydockd.tasks.words.reports import Full, ReportDetail, Spent
from drydockd.tasks.words.settings import ReportLimits

log = logging.getLogger(__name__)

# 26 characters of Crockford's base 32, the first one at most 7: 128 bits.
ACTION_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)

# Of what a node says about its failure so much is repeated as the cause.
MOST_COMPLAINTS = 3
LONGEST_COMPLAINT = 200
LOOKED = 1000  # of the last messages of its deployment
SLICE = 250  # nodes that are looked at in one turn of the loop, 2 ms or less


class Deployments:
    """One per daemon. A node has at most one current deployment, its open boot context."""

    def __init__(
        self,
        store: Store,
        keys: BootKeys,
        changes: Changes,
        limits: ReportLimits | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._changes = changes
        self._limits = limits or ReportLimits()
        self.contacts = Contacts()

    # -- what is current ---------------------------------------------------------------

    def current(self, node: str) -> BootContext | None:
        """Return the node's context unless there is none or it is closed."""
        context = self._context(node)
        return None if context is None or context.closed is not None else context

    def rows(self, context: BootContext) -> list[BootAction]:
        """Return the boot actions of this context, in document order."""
        return self._store.boot_actions(context.node, context_id=context.context_id)

    def changed(self, node: str) -> AbstractContextManager[asyncio.Event]:
        """Give an event that is set at each change of the node's boot actions."""
        return self._changes.node(node)

    def complaints(self, row: BootAction) -> list[str]:
        """Return what the node itself called errors of this boot action, the last few, cut."""
        count = self._store.message_count(row.task_id)
        said = self._store.messages(row.task_id, after=count - LOOKED)
        own = [m.message for m in said if m.error and m.context == row.action_id]
        return [text[:LONGEST_COMPLAINT] for text in own[-MOST_COMPLAINTS:]]

    def last_contact(self, node: str) -> Timestamp | None:
        """When the node was last heard of: boot data fetched or anything reported."""
        moments = [self.contacts.of(node)]
        context = self.current(node)
        if context is not None:
            moments += context.delivered.values()
            moments += [row.updated for row in self.rows(context) if row.updated > row.created]
        return max(moments) or None

    # -- keys --------------------------------------------------------------------------

    def node_key(self, context: BootContext) -> str:
        """Return the key that opens the boot data of this context."""
        return self._keys.node_key(context)

    def grants(
        self, context: BootContext, rows: Iterable[BootAction] | None = None, key: str | None = None
    ) -> dict[str, ActionGrant]:
        """Return boot action name -> id and key, of `rows`: those stored of this context.

        Where only a digest of the node's key is kept, `key`, which admitted it, is theirs too.
        """
        own = key.lower() if key and context.key_digest else ""
        key_of = self._keys.action_key
        return {
            row.name: ActionGrant(row.action_id, own or key_of(row.context_id, row.action_id))
            for row in (self.rows(context) if rows is None else rows)
        }

    def admit_node(self, host: str, key: str | None) -> BootContext:
        """Return the context whose boot data `key` opens; raises as BootKeys.check_node."""
        return self._keys.check_node(self._context(host), key, host=host)

    def action(self, action_id: str) -> BootAction | None:
        """Return the boot action of any deployment, also a superseded one; None if unknown."""
        if not ACTION_ID.fullmatch(action_id):
            return None
        try:
            return self._store.boot_action(action_id)
        except NotFound:
            return None

    def admit_report(self, action: BootAction | None, key: str | None) -> BootAction:
        """Return `action` if `key` may report on it; raises as BootKeys.check_action."""
        context = self._context(action.node) if action else None
        return self._keys.check_action(action if context else None, context, key)

    # -- beginning and end -------------------------------------------------------------

    def opening(
        self, node: str, context: BootContext | None, rows: Sequence[BootAction]
    ) -> list[Change]:
        """Return the changes that make `context` the node's current one and end the one before.

        None: the new deployment has no boot action, so the node has no context any more.
        Keys of the one before are void as soon as they are written.
        """
        if context is None:
            return self.closing(node)
        changes = self._closed_rows(node, context.created)
        return [*changes, Put(context), *(Put(row) for row in rows)]

    def closing(self, node: str) -> list[Change]:
        """Return the changes after which nothing of the node's deployment is served or postable."""
        now = timestamp()
        changes = self._closed_rows(node, now)
        if self.current(node) is not None:
            changes.append(Edit(BootContext, node, partial(ways.ended, now=now)))
        return changes

    def _closed_rows(self, node: str, now: Timestamp) -> list[Change]:
        return [
            Edit(BootAction, row.action_id, partial(ways.closed, now=now))
            for row in self._store.boot_actions(node)
            if row.closed is None
        ]

    # -- what nodes do -----------------------------------------------------------------

    async def report(
        self,
        action_id: str,
        status: BootActionStatus | None,
        details: Sequence[ReportDetail] = (),
    ) -> BootAction:
        """Record details and, if given, the final `status` in one durable write.

        Returns the row as it is then. Raises NotFound, and Conflict once the action has
        ended or was superseded: of two final reports exactly one is taken. Raises TooLarge and
        TooMany for what is over a limit; a final status is always taken, its details cut.
        """
        row = self._store.boot_action(action_id)
        now = timestamp()
        ways.check_open(row)
        rows = self._store.boot_actions(row.node, context_id=row.context_id)
        spent = {reports.ACTION: reports.spent_on([row]), reports.NODE: reports.spent_on(rows)}
        while True:
            tellable = self._tellable(row, details)
            try:
                await self._record(row, status, tellable, spent, now)
            except Full as full:
                if status is None:
                    raise
                # Others were ahead with reports of their own: less of this one fits.
                spent[full.of] = full.spent
            except NotFound:
                # Once more without details, if it was their task that is gone.
                if not tellable or self._has_task(row.task_id):
                    raise
            else:
                break
        self.contacts.note(row.node, now)
        return self._store.boot_action(action_id)

    async def _record(
        self,
        row: BootAction,
        status: BootActionStatus | None,
        details: Sequence[ReportDetail],
        spent: Mapping[str, Spent],
        now: Timestamp,
    ) -> None:
        """Write a report, of a final one as many details as fit; `spent` is known already.

        What is over a limit is refused by the edits: others may report at the same time, here
        and at other daemons. The node's own account, a record of its own to write, is kept only
        where its limit is near. Raises Full, and has written nothing.
        """
        action, node = spent[reports.ACTION], spent[reports.NODE]
        if status is None:
            reports.check_sizes(details, self._limits)
            remark = ""
        else:
            details, remark = reports.fitting(details, self._limits, action, node)
        said = [
            messages.on_boot_action(row, d.message, error=d.error, extra=d.extra, ts=now)
            for d in details
        ]
        if remark:
            said.append(messages.on_boot_action(row, remark, error=False, ts=now))
        # A final status is taken whatever was sent before.
        limits = self._limits if status is None or details else None
        share = reports.Share(reports.size_bytes(details), limits)
        report = partial(reports.reported, status=status, now=now, share=share)
        changes: list[Change] = [Edit(BootAction, row.action_id, report), *map(Put, said)]
        if reports.is_near(self._limits, node):
            heard = partial(reports.heard, context_id=row.context_id, known=node, share=share)
            changes.append(Edit(BootContext, row.node, heard))
        await self._store.write(*changes)

    async def note_delivery(self, host: str, kind: str) -> None:
        """Note that the node fetched its ``units`` or ``files``; the first time durably.

        For a host without a context, or a closed one, this does nothing.
        """
        self.contacts.note(host)
        context = self.current(host)
        if context is None or ways.was_delivered(context, kind):
            return
        note = partial(ways.delivered, context_id=context.context_id, kind=kind, now=timestamp())
        text = f"{host}: fetched its boot data ({kind})"
        with suppress(ways.ToldBefore):
            said = messages.on_node(context.task_id, host, text)
            await self._note(context, Edit(BootContext, host, note), said)

    async def note_render_failure(
        self, context: BootContext, kind: str, text: str, *, is_final: bool
    ) -> None:
        """Tell the deployment's task why the node did not get its ``units`` or ``files``.

        `is_final`: asking again would end the same way, so nobody waits for its reports any
        more. The same failure is told once, whichever daemons the node asked: what was told
        stands in the context. For a superseded context this does nothing.
        """
        current = self.current(context.node)
        if current is None:
            return
        edit = ways.failed if is_final else ways.troubled
        note = partial(edit, context_id=context.context_id, kind=kind, text=text)
        text = f"{context.node}: boot data ({kind}) could not be rendered: {text}"
        with suppress(ways.ToldBefore):
            note(current)  # where it is known here, nobody else need be asked
            said = messages.on_node(context.task_id, context.node, text, error=True)
            await self._note(context, Edit(BootContext, context.node, note), said)

    async def release_late(self) -> None:
        """Let go of what is pinned for deployments whose keys are void: nobody can fetch it."""
        late = [c for c in self._store.boot_contexts() if c.pins and self._keys.is_late(c)]
        if late:
            log.info("the pinned sources of %d deployments with void keys are removed", len(late))
            await self._store.write(
                *(
                    Edit(BootContext, c.node, partial(ways.released, context_id=c.context_id))
                    for c in late
                )
            )

    def _tellable(self, row: BootAction, details: Sequence[ReportDetail]) -> Sequence[ReportDetail]:
        """Return the details, or none of them if their task was purged."""
        if not details or self._has_task(row.task_id):
            return details
        log.warning(
            "%s: %d details of boot action %s (%s) dropped, task %s is gone",
            row.node,
            len(details),
            row.name,
            row.action_id,
            row.task_id,
        )
        return ()

    async def _note(self, context: BootContext, note: Edit[BootContext], said: Message) -> None:
        """Write a note, and say it unless the deployment's task was purged."""
        if self._has_task(context.task_id):
            try:
                await self._store.write(note, Put(said))
                return
            except NotFound:
                if self._has_task(context.task_id):
                    raise
        await self._store.write(note)

    def on_behalf_of(self, context: BootContext) -> Caller | None:
        """Return who asked for the deployment: its top-level task's caller; None: it is gone."""
        tasks = self._up_from(context)
        return next((task.caller for task in tasks if task.caller is not None), None)

    async def of_task(self, task_id: str, nodes: Iterable[str]) -> list[BootContext]:
        """Return the current contexts of `nodes` that the top-level task `task_id` opened."""
        found = []
        for number, node in enumerate(nodes, 1):
            context = self.current(node)
            if context and any(task.task_id == task_id for task in self._up_from(context)):
                found.append(context)
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return found

    def _up_from(self, context: BootContext) -> Iterator[Task]:
        task_id: str | None = context.task_id
        while task_id is not None and self._has_task(task_id):
            task = self._store.task(task_id)
            yield task
            task_id = task.parent_task_id

    def _has_task(self, task_id: str) -> bool:
        try:
            self._store.task(task_id)
        except NotFound:
            return False
        return True

    def _context(self, node: str) -> BootContext | None:
        try:
            return self._store.boot_context(node)
        except NotFound:
            return None


def new_context(node: str, task_id: str, design_ref: str, design: str) -> BootContext:
    """Return the context of a deployment by the per-node subtask `task_id`.

    The subtask's id is the deployment's and the context's id: one for each attempt.
    """
    return BootContext(
        node=node,
        context_id=task_id,
        task_id=task_id,
        design_ref=design_ref,
        design=design,
        created=timestamp(),
    )


def new_rows(context: BootContext, specs: Iterable[BootActionSpec]) -> list[BootAction]:
    """Return a row for each boot action that targets the node, in document order."""
    return [
        BootAction(
            action_id=str(ULID()),
            node=context.node,
            name=spec.name,
            task_id=context.task_id,
            context_id=context.context_id,
            status=(BootActionStatus.INCOMPLETE if spec.signaling else BootActionStatus.UNREPORTED),
            created=context.created,
            updated=context.created,
        )
        for spec in specs
    ]
