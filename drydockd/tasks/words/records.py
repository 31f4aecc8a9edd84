"""New records: tasks and subtasks."""

from __future__ import annotations

from collections.abc import Sequence

from drydockd.model import Action, Caller, Task, TaskStatus, Timestamp, new_id, timestamp
from drydockd.tasks.words.requests import TaskRequest


def top_level(
    request: TaskRequest,
    caller: Caller,
    *,
    retry_of: str | None = None,
    now: Timestamp | None = None,
) -> Task:
    """Return the record of a new queued task, whose design this life begins to load."""
    now = now or timestamp()
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
        lives=1,
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
    """Return the record of a new subtask on the same design.

    For whom it acts says the top-level task alone: a task of thousands of nodes writes tens of
    thousands of these.
    """
    now = timestamp()
    return Task(
        task_id=new_id(),
        action=action,
        design_ref=parent.design_ref,
        status=status,
        parent_task_id=parent_id or parent.task_id,
        scope=tuple(names),
        design=parent.design,
        created=now,
        created_by=parent.created_by,
        updated=now,
        started=None if status is TaskStatus.REQUESTED else now,
        deadline=deadline,
        retry=retry,
    )
