"""validate_design: the validator's findings become the task's messages."""

from __future__ import annotations

from drydockd.model import Result
from drydockd.store.base import Say
from drydockd.tasks.steps.job import Job
from drydockd.tasks.words import results

STEPS: tuple[str, ...] = ()


async def run(job: Job) -> Result:
    """Return success if no finding is an error. See schedule/validations for many at once."""
    job.last_words.append(Say(job.task_id, job.verdict.wording))
    return results.of_validation(has_error=job.verdict.has_error)
