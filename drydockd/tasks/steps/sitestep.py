"""A site-wide driver step: one subtask of the top-level task, without nodes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from drydockd.drivers.base import SiteNote
from drydockd.errors import DriverTransient, DrydockError
from drydockd.model import TERMINATED, Action, Result, ResultStatus, Task, TaskStatus
from drydockd.store.base import Edit, Put
from drydockd.tasks.shared import endings
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.shared.retelling import Retelling
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.steps.patience import growing, patiently
from drydockd.tasks.words import messages, records, results, states
from drydockd.tasks.words.stops import Terminated
from drydockd.tasks.words.times import moment_after, seconds_until

log = logging.getLogger(__name__)

Call = Callable[[], Awaitable[Sequence[SiteNote]]]


async def site_step(
    parts: StepParts, job: Job, action: Action, call: Call, *, is_check: bool = False
) -> bool:
    """Run `call` as a subtask; True if none of its notes is an error.

    `call` reconciles or only reads, so an interrupted one is simply made again; so is one
    whose backend is away, but not a check: that is its answer.
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
    patience = _Patience(parts, job)
    notes: Sequence[SiteNote] = ()
    problem = ""
    try:
        notes = await bounded(
            _made(call) if is_check else patience.with_(call),
            seconds,
            name=f"{action} {job.task_id}",
            abandon_after=parts.settings.abandon_after,
        )
    except LimitPassed:
        limit = parts.settings.limit_of(action)
        seen = f"last seen: {patience.seen}" if patience.seen else "nothing was seen of it"
        problem = f"{action} did not end within {limit:g} s; {seen}"
    except Terminated:
        problem = TERMINATED
    except DrydockError as error:
        problem = f"{action}: {error}"
    except Exception as error:
        log.exception("task %s: %s failed", job.task_id, action)
        problem = f"{action} failed unexpectedly ({type(error).__name__}); see the log"
    return await _close(parts, job, task, notes, problem)


async def _made(call: Call) -> Sequence[SiteNote]:
    return await call()


class _Patience:
    """Makes the call again while its backend is away; `seen` is the last error."""

    def __init__(self, parts: StepParts, job: Job) -> None:
        self.seen = ""
        self._recorder = parts.recorder
        self._longest = parts.settings.poll_interval
        self._job = job
        self._retelling = Retelling(parts.recorder.store, job.task_id, is_needed=job.was_resumed)

    async def with_(self, call: Call) -> Sequence[SiteNote]:
        return await patiently(call, tell=self._tell, pause=self._pause)

    async def _tell(self, error: DriverTransient) -> None:
        if str(error) == self.seen:
            return
        self.seen = str(error)
        message = messages.on_task(self._job.task_id, f"{error}; trying again")
        if not self._retelling.repeats(message):
            await self._recorder.say(message)

    async def _pause(self, made: int) -> None:
        await self._job.pause(growing(made, self._longest))


def _remembered(parts: StepParts, job: Job, action: Action) -> Task | None:
    subtasks = parts.recorder.store.subtasks(job.task_id) if job.was_resumed else []
    return next((sub for sub in subtasks if sub.action is action), None)


async def _open(parts: StepParts, job: Job, action: Action) -> Task:
    parent = parts.recorder.store.task(job.task_id)
    deadline = moment_after(parts.settings.limit_of(action))
    task = records.subtask(parent, action, status=TaskStatus.RUNNING, deadline=deadline)
    await parts.recorder.write(
        Edit(Task, job.task_id, states.taking_subtasks),
        Put(task),
        Put(messages.subtask_started(task)),
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
