"""noop: waits, and succeeds for every node in scope. The scheduler's own rehearsal."""

from __future__ import annotations

from drydockd.model import Result
from drydockd.tasks.steps.job import Job, Terminated

STEPS: tuple[str, ...] = ()


async def run(job: Job) -> Result:
    """Return success unless the task is told to stop while it waits."""
    try:
        await job.pause(job.settings.noop_seconds)
    except Terminated:
        return job.outcome(())
    return job.outcome(job.scope)
