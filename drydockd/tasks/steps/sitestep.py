"""A site-wide driver step: one subtask of the top-level task, without nodes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from drydockd.drivers.base import SiteNote
from drydockd.errors import DriverTransient, DrydockError
from drydockd.model import TERMINATED, Action, Result, ResultStatus, Task, TaskStatus, timestamp
from drydockd.store.base import Edit, Put
from drydockd.tasks.shared import endings
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.steps.patience import patiently
from drydockd.tasks.words import messages, records, results, states
from drydockd.tasks.words.stops import Terminated
from drydockd.tasks.words.times import moment_after, seconds_until

log = logging.getLogger(__name__)

Call = Callable[[], Awaitable[Sequence[SiteNote]]]


async def site_step(parts: StepParts, job: Job, action: Action, call: Call) -> bool:
    """Run `call` as a subtask; True if none of its notes is an error.

    `call` reconciles or only reads, so an interrupted one is simply made again.
    """
    task = _remembered(parts, job, action)
    if task is not None and task.status.is_final:
        return task.result.status is ResultStatus.SUCCESS
    if not await job.may_go_on():
        return False
    if task is None:
        task = await _open(parts, job, action)
    left = seconds_until(task.deadline or task.created)
    seconds = max(left, parts.settings.resume_grace) if job.was_resumed else left
    notes: Sequence[SiteNote] = ()
    problem = ""
    try:
        notes = await bounded(
            _patiently(parts, job, call),
            seconds,
            name=f"{action} {job.task_id}",
            abandon_after=parts.settings.abandon_after,
        )
    except LimitPassed:
        limit = parts.settings.limit_of(action)
        problem = f"{action} did not end within {limit:g} s; the provisioner gave no verdict"
    except Terminated:
        problem = TERMINATED
    except DrydockError as error:
        problem = f"{action}: {error}"
    except Exception as error:
        log.exception("task %s: %s failed", job.task_id, action)
        problem = f"{action} failed unexpectedly ({type(error).__name__}); see the log"
    return await _close(parts, job, task, notes, problem)


async def _patiently(parts: StepParts, job: Job, call: Call) -> Sequence[SiteNote]:
    async def tell(error: DriverTransient) -> None:
        text = f"{error}; trying again"
        await parts.recorder.say(messages.on_task(job.task_id, text))

    async def pause(_: int) -> None:
        await job.pause(parts.settings.poll_interval)

    return await patiently(call, tell=tell, pause=pause)


def _remembered(parts: StepParts, job: Job, action: Action) -> Task | None:
    subtasks = parts.recorder.store.subtasks(job.task_id) if job.was_resumed else []
    return next((sub for sub in subtasks if sub.action is action), None)


async def _open(parts: StepParts, job: Job, action: Action) -> Task:
    parent = parts.recorder.store.task(job.task_id)
    deadline = moment_after(parts.settings.limit_of(action))
    task = records.subtask(parent, action, status=TaskStatus.RUNNING, deadline=deadline)
    add = partial(states.with_subtasks, subtask_ids=(task.task_id,), now=timestamp())
    await parts.recorder.write(
        Edit(Task, job.task_id, add), Put(task), Put(messages.subtask_started(task))
    )
    return task


async def _close(
    parts: StepParts, job: Job, task: Task, notes: Sequence[SiteNote], problem: str
) -> bool:
    passed = not problem and not any(note.error for note in notes)
    result = results.success(Result()) if passed else results.failure(Result())
    if problem:
        result = replace(result, message=problem)
    said = [messages.of_note(task.task_id, note) for note in notes]
    # What went wrong is wanted where the client looks first: on its own task.
    said += [messages.of_note(job.task_id, note) for note in notes if note.error]
    if problem:
        said += [
            messages.on_task(task.task_id, problem, error=True),
            messages.on_task(job.task_id, problem, error=True),
        ]
    await parts.recorder.write(*endings.subtask_end(task, result, said=said))
    return passed
