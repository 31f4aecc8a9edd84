"""validate_design: the validator's findings become the task's messages."""

from __future__ import annotations

from drydockd.model import Result, ResultStatus
from drydockd.store.base import Say
from drydockd.tasks.steps.job import Job

STEPS: tuple[str, ...] = ()


async def run(job: Job) -> Result:
    """Return success if no finding is an error."""
    job.last_words.append(Say(job.task_id, job.verdict.wording))
    if job.verdict.has_error:
        return Result(
            status=ResultStatus.FAILURE,
            message="Site design failed validation.",
            reason="See detail messages.",
        )
    return Result(status=ResultStatus.SUCCESS, message="Site design passed validation")
