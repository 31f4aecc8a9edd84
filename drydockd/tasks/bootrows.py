"""The records of one node's deployment: its boot context and its boot actions.

Source: contract, bootactions, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ulid import ULID

from drydockd.auth.bootkey import BootKeys
from drydockd.errors import NotFound
from drydockd.model import BootAction, BootActionStatus, BootContext, Task, Timestamp, timestamp
from drydockd.render import ActionGrant
from drydockd.site import BootActionSpec
from drydockd.store.base import Change, Edit, Put, Store


def new_context(task: Task, node: str) -> BootContext:
    """Return the context of a deployment by the per-node subtask `task`.

    The subtask's id is the deployment's and the context's id: one for each attempt.
    """
    return BootContext(
        node=node,
        context_id=task.task_id,
        task_id=task.task_id,
        design_ref=task.design_ref or "",
        design=task.design,
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


def grants(rows: Iterable[BootAction], keys: BootKeys) -> dict[str, ActionGrant]:
    """Return boot action name -> id and key."""
    return {
        row.name: ActionGrant(row.action_id, keys.action_key(row.context_id, row.action_id))
        for row in rows
    }


def opening(
    store: Store, node: str, context: BootContext | None, rows: Sequence[BootAction]
) -> list[Change]:
    """Return the changes that make `context` the node's current one and end the one before.

    None: the new deployment has no boot action, so the node has no context any more.
    """
    if context is None:
        return closing(store, node)
    changes = _closed_rows(store, node, context.created)
    return [*changes, Put(context), *(Put(row) for row in rows)]


def closing(store: Store, node: str) -> list[Change]:
    """Return the changes after which nothing of the node's deployment is served or postable."""
    now = timestamp()
    changes = _closed_rows(store, node, now)
    try:
        context = store.boot_context(node)
    except NotFound:
        return changes
    if context.closed is None:
        changes.append(Edit(BootContext, node, lambda c: replace(c, closed=c.closed or now)))
    return changes


def current(store: Store, node: str) -> BootContext | None:
    """Return the node's context unless there is none or it is closed."""
    try:
        context = store.boot_context(node)
    except NotFound:
        return None
    return None if context.closed is not None else context


def _closed_rows(store: Store, node: str, now: Timestamp) -> list[Change]:
    def close(row: BootAction) -> BootAction:
        return row if row.closed is not None else replace(row, closed=now)

    return [
        Edit(BootAction, row.action_id, close)
        for row in store.boot_actions(node)
        if row.closed is None
    ]
