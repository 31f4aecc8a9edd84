"""verify_site: asks the node provisioner's services how they are."""

from __future__ import annotations

from drydockd.model import Action, Result
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.words.drivers import Drivers

STEPS = (Action.VALIDATE_NODE_SERVICES,)


async def run(job: Job, *, steps: StepRunner, drivers: Drivers) -> Result:
    """Return success if no service is down; a provisioner that is away fails it at once."""
    calls = {Action.VALIDATE_NODE_SERVICES: drivers.needed_node().check}
    return await steps.site_steps(job, calls, are_checks=True)
