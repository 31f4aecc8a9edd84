"""noop: waits, and succeeds for every node in scope. The scheduler's own rehearsal."""

from __future__ import annotations

from drydockd.model import Result
from drydockd.tasks.steps.job import Job
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import Terminated

STEPS: tuple[str, ...] = ()


async def run(job: Job, *, settings: TaskSettings) -> Result:
    """Return success unless the task is told to stop while it waits."""
    try:
        await job.pause(settings.noop_seconds)
    except Terminated:
        return job.outcome(())
    return job.outcome(job.scope)
