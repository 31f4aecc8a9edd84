"""New records: tasks, subtasks and their messages, in the contract's exact words."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from drydockd.design import nodefilter
from drydockd.model import Action, Caller, Message, Task, TaskStatus, Timestamp, timestamp
from drydockd.tasks.words.requests import TaskRequest

MESSAGE_LIMIT = 1024
CUT = " ... (cut)"

RETRYING = "Retrying task for failed entities."
EXHAUSTED = "Retry requested, out of attempts."
NO_NODES = "No nodes in scope, no work to do."
NO_NODES_RELABEL = "No nodes in scope, nothing to relabel."


def new_id() -> str:
    return str(uuid.uuid4())


def top_level(request: TaskRequest, caller: Caller, *, retry_of: str | None = None) -> Task:
    """Return the record of a new queued task."""
    now = timestamp()
    return Task(
        task_id=new_id(),
        action=request.action,
        design_ref=request.design_ref,
        status=TaskStatus.QUEUED,
        node_filter=request.node_filter,
        created=now,
        created_by=caller.user,
        updated=now,
        retry_of=retry_of,
        caller=caller,
    )


def subtask(
    parent: Task,
    action: Action,
    names: Sequence[str] = (),
    *,
    parent_id: str | None = None,
    retry: int = 0,
    status: TaskStatus = TaskStatus.REQUESTED,
    deadline: Timestamp | None = None,
) -> Task:
    """Return the record of a new subtask that acts for the same caller on the same design."""
    now = timestamp()
    return Task(
        task_id=new_id(),
        action=action,
        design_ref=parent.design_ref,
        status=status,
        parent_task_id=parent_id or parent.task_id,
        node_filter=nodefilter.by_names(names) if names else None,
        scope=tuple(names),
        design=parent.design,
        created=now,
        created_by=parent.created_by,
        updated=now,
        started=None if status is TaskStatus.REQUESTED else now,
        deadline=deadline,
        retry=retry,
        caller=parent.caller,
    )


def message(
    task_id: str,
    text: str,
    *,
    error: bool = False,
    context_type: str = "NA",
    context: str = "NA",
    extra: Mapping[str, Any] | None = None,
) -> Message:
    """Return a message; text over the limit is cut, visibly."""
    if len(text) > MESSAGE_LIMIT:
        text = text[: MESSAGE_LIMIT - len(CUT)] + CUT
    return Message(
        task_id=task_id,
        message=text,
        error=error,
        context_type=context_type,
        context=context,
        ts=timestamp(),
        extra=extra or {},
    )


def on_task(task_id: str, text: str, *, error: bool = False) -> Message:
    """Return a message about the task itself."""
    return message(task_id, text, error=error, context_type="task", context=task_id)


def on_node(task_id: str, node: str, text: str, *, error: bool = False) -> Message:
    return message(task_id, text, error=error, context_type="node", context=node)


def subtask_started(child: Task) -> Message:
    parent = child.parent_task_id or ""
    return on_task(parent, f"Started subtask {child.task_id} for action {child.action}")


def subtask_collected(child: Task) -> Message:
    return on_task(child.parent_task_id or "", f"Collected subtask {child.task_id}")
