"""One subtask per node that is a pipeline of its own: how prepare_nodes splits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from drydockd import log as logs
from drydockd.errors import Conflict
from drydockd.model import ResultStatus, Task, TaskStatus, Timestamp, timestamp
from drydockd.store.base import Change, Edit, Put
from drydockd.tasks.shared import endings
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.words import messages, records, results, states
from drydockd.tasks.words.outcomes import Outcome
from drydockd.tasks.words.times import moment_after

log = logging.getLogger(__name__)

# About 5 ms of work on the event loop.
LARGEST_BATCH = 50
# So many subtasks are looked at in one turn of the loop when a task is resumed, 2 ms or less.
SLICE = 500

# (node name, id of its subtask, latest end) -> how it ended
Work = Callable[[str, str, Timestamp], Awaitable[Outcome]]


async def branches(
    parts: StepParts, job: Job, names: Sequence[str], work: Work, limit: float
) -> list[str]:
    """Give each node a subtask of the job's action and do its `work`; return those that passed.

    At most `fan_out` of them are at work at once; the limit of each counts from its
    own start.
    """
    known = await _remembered(parts, job) if job.was_resumed else {}
    missing = [name for name in names if name not in known]
    for start in range(0, len(missing), LARGEST_BATCH):
        if await job.may_go_on():
            known |= await _open(parts, job, missing[start : start + LARGEST_BATCH])
            await asyncio.sleep(0)
    line = f"{job.task_id}/{job.action}"
    passed: set[str] = set()

    async def go(name: str, child: Task, has_slot: bool) -> None:
        if await _branch(parts, job, child, name, work, limit, line if has_slot else ""):
            passed.add(name)

    async with asyncio.TaskGroup() as group:
        for name in names:
            if name in known:
                # A coroutine for each of thousands that wait would be ten objects for each.
                has_slot = await parts.slots.take(line, "", job.task_id)
                # Not kept: thousands that are through would take 10 ms to let go of at once.
                group.create_task(go(name, known.pop(name), has_slot), name=name)
    return [name for name in names if name in passed]


async def _remembered(parts: StepParts, job: Job) -> dict[str, Task]:
    store, found = parts.recorder.store, {}
    for number, task_id in enumerate(store.subtask_ids(job.task_id), 1):
        sub = store.task(task_id)
        if sub.action is job.action:
            found[sub.scope[0]] = sub
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return found


async def _open(parts: StepParts, job: Job, names: Sequence[str]) -> dict[str, Task]:
    """Register the subtasks in one write; none if the task is to stop."""
    parent = parts.recorder.store.task(job.task_id)
    children = [records.subtask(parent, job.action, [name]) for name in names]
    changes: list[Change] = [Edit(Task, job.task_id, states.taking_subtasks)]
    for child in children:
        changes += [Put(child), Put(messages.subtask_started(child))]
    try:
        await parts.recorder.write(*changes)
    except Conflict:
        return {}
    return dict(zip(names, children, strict=True))


async def _branch(
    parts: StepParts, job: Job, child: Task, name: str, work: Work, limit: float, line: str
) -> bool:
    """Do the work with a slot of `line`, which it gives back; without one it is cut."""
    outcome = Outcome(passed=False)
    try:
        if child.status.is_final:
            return child.result.status is ResultStatus.SUCCESS
        if line:
            outcome = await _go(parts, job, child, name, work, limit)
    finally:
        if line:
            parts.slots.give(line)
    await _close(parts, job, child, name, outcome)
    return outcome.passed


async def _go(
    parts: StepParts, job: Job, child: Task, name: str, work: Work, limit: float
) -> Outcome:
    deadline = child.deadline
    if child.status is TaskStatus.REQUESTED:
        if not await job.may_go_on():
            return Outcome(passed=False)
        deadline = moment_after(limit)
        start = partial(states.started, now=timestamp(), deadline=deadline)
        await parts.recorder.write(Edit(Task, child.task_id, start))
    try:
        with logs.bind(node=name):
            return await work(name, child.task_id, deadline or moment_after(limit))
    except Exception as error:
        log.exception("%s of %s failed unexpectedly", job.action, name)
        text = f"{job.action} failed unexpectedly ({type(error).__name__}); see the log"
        return Outcome(passed=False, text=text)


async def _close(parts: StepParts, job: Job, child: Task, name: str, outcome: Outcome) -> None:
    """Record the end; why there were no steps is said on the top-level task too."""
    result = outcome.result(name)
    was_cut = job.stopping.is_set() and not outcome.passed
    if was_cut:
        result = results.cut_short(result)
    tasks = (child.task_id, job.task_id) if outcome.text else ()
    said = [messages.on_node(task_id, name, outcome.text, error=True) for task_id in tasks]
    await parts.recorder.write(*endings.subtask_end(child, result, said=said, was_cut=was_cut))
