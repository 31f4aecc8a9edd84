"""validate_design: the validator's findings become the task's messages."""

from __future__ import annotations

from drydockd.model import Result, ResultStatus
from drydockd.tasks.steps.job import Job
from drydockd.tasks.words import messages

STEPS: tuple[str, ...] = ()


async def run(job: Job) -> Result:
    """Return success if no finding is an error."""
    job.conclude(*(messages.of_finding(job.task_id, f) for f in job.findings))
    if any(finding.error for finding in job.findings):
        return Result(
            status=ResultStatus.FAILURE,
            message="Site design failed validation.",
            reason="See detail messages.",
        )
    return Result(status=ResultStatus.SUCCESS, message="Site design passed validation")
