"""verify_site: asks the node provisioner's services how they are."""

from __future__ import annotations

from drydockd.model import Action, Result
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.sitestep import site_step
from drydockd.tasks.words import results

STEPS = (Action.VALIDATE_NODE_SERVICES,)


async def run(job: Job) -> Result:
    driver = job.node_driver()
    await site_step(job, Action.VALIDATE_NODE_SERVICES, driver.check)
    store = job.core.store
    return results.align(store.task(job.task_id), Result(), store.subtasks(job.task_id))
