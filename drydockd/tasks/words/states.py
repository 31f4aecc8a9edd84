"""The life cycle of a task: every status change of every task goes through here.

``requested -> queued -> running -> complete``, ``queued -> terminated`` and
``running -> terminating -> terminated``; a subtask goes from requested straight to running
when its driver starts it, or to terminated when it never will. Final states never change.
The functions are made for `store.Edit`: pure, and they raise Conflict instead of moving a
task where it may not go. Source: contract, tasks, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from drydockd.errors import Conflict
from drydockd.model import (
    TERMINATED,
    Link,
    Result,
    ResultStatus,
    Task,
    TaskStatus,
    Timestamp,
    changed,
)

ALLOWED: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.REQUESTED: frozenset({TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.TERMINATED}),
    TaskStatus.QUEUED: frozenset({TaskStatus.RUNNING, TaskStatus.TERMINATED}),
    TaskStatus.RUNNING: frozenset({TaskStatus.COMPLETE, TaskStatus.TERMINATING}),
    TaskStatus.TERMINATING: frozenset({TaskStatus.TERMINATED}),
    TaskStatus.TERMINATED: frozenset(),
    TaskStatus.COMPLETE: frozenset(),
}
WAITING = (TaskStatus.REQUESTED, TaskStatus.QUEUED)
AT_WORK = (TaskStatus.RUNNING, TaskStatus.TERMINATING)
# What `stopping` moves on.
UNSTOPPED = (TaskStatus.QUEUED, TaskStatus.RUNNING)


def moved(task: Task, status: TaskStatus, **further: Any) -> Task:
    """Return the task in `status`, and with `further` values.

    Raises Conflict when that way does not exist.
    """
    if status not in ALLOWED[task.status]:
        raise Conflict(f"Task {task.task_id} is {task.status} and cannot become {status}")
    return changed(task, status=status, **further)


def started(task: Task, now: Timestamp, deadline: Timestamp | None = None, **further: Any) -> Task:
    """Return the task running since `now`, and with `further` values."""
    return moved(task, TaskStatus.RUNNING, started=now, deadline=deadline, updated=now, **further)


def ended(task: Task, result: Result, now: Timestamp, *, was_cut: bool = False) -> Task:
    """Return the task at its end: terminated if that was asked for, else complete.

    `was_cut`: it ends because its root is to stop, even if the wish has not reached it.
    """
    if was_cut and not task.terminate:
        task = changed(task, terminate=True)
    if task.terminate:
        if task.status is TaskStatus.RUNNING:
            task = moved(task, TaskStatus.TERMINATING)
        task = moved(task, TaskStatus.TERMINATED)
        return changed(task, result=result, updated=now, terminated=task.terminated or now)
    if task.status in WAITING:
        task = moved(task, TaskStatus.RUNNING)
    return moved(task, TaskStatus.COMPLETE, result=result, updated=now)


def asked_to_stop(task: Task, user: str | None, now: Timestamp) -> Task:
    """Return the task with its termination requested; a waiting top-level one ends at once.

    A task already asked is returned as it is. Raises Conflict when it has ended.
    """
    asked = wished_to_stop(task, user, now)
    return task if asked is task else stopping(asked, now)


def wished_to_stop(task: Task, user: str | None, now: Timestamp) -> Task:
    """Return the task with the wish that it stops, and nothing else: what any daemon may write.

    A task already asked is returned as it is. Raises Conflict when it has ended.
    """
    if task.status.is_final:
        raise Conflict(f"Task {task.task_id} is {task.status} already")
    if task.terminate:
        return task
    return changed(task, terminate=True, terminated=now, terminated_by=user, updated=now)


def stopping(task: Task, now: Timestamp) -> Task:
    """Return the task, of which it is wished that it stops, doing so; see asked_to_stop."""
    if task.status is TaskStatus.QUEUED:
        cut = Result(status=ResultStatus.FAILURE, failures=task.scope, message=TERMINATED)
        return ended(task, cut, now)
    if task.status is TaskStatus.RUNNING:
        return moved(task, TaskStatus.TERMINATING)
    return task


def waiting(task: Task) -> Task:
    """Return the task, which waits for its turn. Raises Conflict once it began or ended."""
    if task.status not in WAITING:
        raise Conflict(f"Task {task.task_id} is {task.status}: it waits for nobody")
    return task


def taking_subtasks(task: Task) -> Task:
    """Return the task, which may have more subtasks. Raises Conflict once it is to stop or ended.

    It stays as it is: each subtask says whose it is, so a thousand of them are registered
    without writing the record of their parent a thousand times.
    """
    if task.terminate or task.status.is_final:
        raise Conflict(f"Task {task.task_id} is {task.status}: no new subtask")
    return task


def linked(task: Task, link: Link) -> Task:
    """Return the task with `link` among its result's, once."""
    if link in task.result.links:
        return task
    return changed(task, result=replace(task.result, links=(*task.result.links, link)))
