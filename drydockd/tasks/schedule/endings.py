"""How a top-level task ends: with its result, and with nothing of its tree left open."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from drydockd.model import Result, ResultStatus, Task, Timestamp, timestamp
from drydockd.site import Finding
from drydockd.store.base import Change, Edit, Put, Store
from drydockd.tasks.actions import ACTIONS
from drydockd.tasks.core import Core
from drydockd.tasks.words import messages, results, states

log = logging.getLogger(__name__)

LEFT_OPEN = "Closed with its task, which ended before it did."


async def end(core: Core, task_id: str, result: Result, *together: Change) -> None:
    """Record the end of the task and of whatever of its tree is still open, in one write."""
    now = timestamp()
    changes: list[Change] = [*together]
    for task in _open_below(core.store, task_id):
        changes.append(Edit(Task, task.task_id, partial(_left_open, now=now)))
    changes.append(Edit(Task, task_id, partial(_ended, result=result, now=now)))
    await core.recorder.write(*changes)
    task = core.store.task(task_id)
    log.info("task %s %s is %s: %s", task_id, task.action, task.status, task.result.status)


async def fail(
    core: Core,
    task_id: str,
    text: str,
    *,
    message: str | None = None,
    reason: str | None = None,
    findings: Sequence[Finding] = (),
) -> None:
    """End the task as a failure, saying why; nodes that passed everything stay passed."""
    told = [Put(messages.of_finding(task_id, f)) for f in findings if f.error]
    said = Put(messages.on_task(task_id, text, error=True))
    task = core.store.task(task_id)
    result = results.partition(task.scope, _passed_so_far(core.store, task))
    result = replace(result, status=ResultStatus.FAILURE, message=message or text, reason=reason)
    await end(core, task_id, result, said, *told)


def _passed_so_far(store: Store, task: Task) -> set[str]:
    """The nodes that are recorded to have ended the action's last step well."""
    steps = ACTIONS[task.action].steps
    passed: set[str] = set()
    open_tasks = [task] if steps else []
    while open_tasks:
        current = open_tasks.pop()
        if current.action == steps[-1]:
            passed.update(current.result.successes)
        open_tasks += store.subtasks(current.task_id)
    return passed


def _open_below(store: Store, task_id: str) -> list[Task]:
    """The unfinished descendants, leaves first; normally there are none.

    What is below an ended subtask has ended before it.
    """
    found = []
    for child in store.subtasks(task_id):
        if not child.status.is_final:
            found += [*_open_below(store, child.task_id), child]
    return found


def _ended(task: Task, result: Result, now: Timestamp) -> Task:
    if task.terminate:
        result = results.cut_short(result)
    return states.ended(task, result, now)


def _left_open(task: Task, now: Timestamp) -> Task:
    if task.status.is_final:
        return task
    result = results.partition(task.scope, ())
    return states.ended(task, replace(result, status=ResultStatus.FAILURE, message=LEFT_OPEN), now)
