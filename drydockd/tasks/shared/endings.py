"""How tasks and subtasks end: the last that is said of one and its end are one write.

Nothing else writes an end, so what belongs to it is decided here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from drydockd.model import Message, Result, ResultStatus, Task, Timestamp, timestamp
from drydockd.site import Finding
from drydockd.store.base import Change, Edit, Put, Store
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.words import messages, results, states

log = logging.getLogger(__name__)

# So many subtasks are looked at in one turn of the loop, 1 ms or less.
SLICE = 1000

LEFT_OPEN = "Closed with its task, which ended before it did."


def subtask_end(
    child: Task,
    result: Result,
    *,
    at_end: Iterable[Change] = (),
    said: Iterable[Message] = (),
    was_cut: bool = False,
) -> list[Change]:
    """Return the changes that end a subtask, `at_end` and `said` with them; its links stay.

    `was_cut`: it ends because its root is to stop, even if the wish has not reached it.
    """
    end = partial(_ended_subtask, result=result, now=timestamp(), was_cut=was_cut)
    return [
        *at_end,
        *(Put(message) for message in said),
        Edit(Task, child.task_id, end),
        Put(messages.subtask_collected(child)),
    ]


async def end(
    recorder: Recorder, task_id: str, result: Result, before: Iterable[Change] = ()
) -> None:
    """Record the end of a top-level task and of what of its tree is open, in one write.

    `before`: what belongs to it and comes before, such as the last words.
    """
    store, now = recorder.store, timestamp()
    changes: list[Change] = [*before]
    for task in await open_below(store, task_id):
        changes.append(Edit(Task, task.task_id, partial(_left_open, now=now)))
    changes.append(Edit(Task, task_id, partial(_ended, result=result, now=now)))
    await recorder.write(*changes)
    log_end(store.task(task_id))


async def end_alike(
    recorder: Recorder, before: Mapping[str, Sequence[Change]], result: Result
) -> None:
    """Record the end of top-level tasks that have nothing below them, all in one write.

    `before`: by the tasks' ids, what belongs to each and comes before its end. Raises Conflict,
    NotFound when one of them cannot end so; then none has. `log_end` is left to the caller.
    """
    end = partial(_ended, result=result, now=timestamp())
    changes: list[Change] = []
    for task_id, its_own in before.items():
        changes += its_own
        changes.append(Edit(Task, task_id, end))
    await recorder.write(*changes)


def log_end(task: Task) -> None:
    log.info("task %s %s is %s: %s", task.task_id, task.action, task.status, task.result.status)


async def fail(
    recorder: Recorder,
    task_id: str,
    text: str,
    *,
    steps: Sequence[str] = (),
    message: str | None = None,
    reason: str | None = None,
    findings: Sequence[Finding] = (),
) -> None:
    """End the task as a failure, saying why; nodes that passed the last of `steps` stay passed."""
    said = [messages.on_task(task_id, text, error=True)]
    said += [messages.of_finding(task_id, f) for f in findings if f.error]
    task = recorder.store.task(task_id)
    result = results.partition(task.scope, _passed_so_far(recorder.store, task, steps))
    result = replace(result, status=ResultStatus.FAILURE, message=message or text, reason=reason)
    await end(recorder, task_id, result, map(Put, said))


def _passed_so_far(store: Store, task: Task, steps: Sequence[str]) -> set[str]:
    """The nodes that are recorded to have ended the action's last step well."""
    passed: set[str] = set()
    open_tasks = [task] if steps else []
    while open_tasks:
        current = open_tasks.pop()
        if current.action == steps[-1]:
            passed.update(current.result.successes)
        open_tasks += store.subtasks(current.task_id)
    return passed


async def open_below(store: Store, task_id: str) -> list[Task]:
    """The unfinished descendants, leaves first; normally there are none.

    What is below an ended subtask has ended before it.
    """
    found = []
    for number, child_id in enumerate(store.subtask_ids(task_id), 1):
        child = store.task(child_id)
        if not child.status.is_final:
            found += [*await open_below(store, child_id), child]
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return found


def _ended(task: Task, result: Result, now: Timestamp) -> Task:
    if task.terminate:
        result = results.cut_short(result)
    return states.ended(task, result, now)


def _ended_subtask(task: Task, result: Result, now: Timestamp, was_cut: bool) -> Task:
    result = replace(result, links=task.result.links)
    return states.ended(task, result, now, was_cut=was_cut)


def _left_open(task: Task, now: Timestamp) -> Task:
    if task.status.is_final:
        return task
    result = results.partition(task.scope, ())
    return states.ended(task, replace(result, status=ResultStatus.FAILURE, message=LEFT_OPEN), now)
