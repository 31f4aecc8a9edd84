"""A bounded question about one node, asked outside of any step."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TypeVar

from drydockd.errors import DrydockError
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.words.stops import StepFailed, Terminated
from drydockd.tasks.words.times import moment_after

T = TypeVar("T")


class Unanswered(Exception):
    """There is no certain answer; the text says why."""


async def look_up(
    parts: StepParts,
    job: Job,
    name: str,
    task_id: str,
    question: Callable[[NodeRun], Coroutine[None, None, T]],
    *,
    what: str,
    driver: str,
) -> T:
    """Return the answer about node `name`; messages on the way are those of `task_id`.

    It takes a slot of `driver` and at most `drydock_timeout`. Raises Terminated when the task
    is to stop, and Unanswered.
    """
    limit = parts.settings.drydock_timeout
    run = NodeRun(
        job,
        name,
        task_id,
        parts.recorder,
        parts.settings,
        until=moment_after(limit),
        was_resumed=job.was_resumed,
    )
    line = f"{job.task_id}/{what}"
    if not await parts.slots.take(line, driver, job.task_id):
        raise Terminated
    try:
        return await bounded(
            question(run),
            limit,
            name=f"{what} {name}",
            abandon_after=parts.settings.abandon_after,
        )
    except LimitPassed:
        seen = run.last_seen or "nothing"
        raise Unanswered(f"no answer within {limit:g} s; last seen: {seen}") from None
    except (StepFailed, DrydockError) as error:
        raise Unanswered(str(error)) from error
    finally:
        parts.slots.give(line)
