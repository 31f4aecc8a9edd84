"""verify_site: asks the node provisioner, and Kubernetes where it is enabled, how they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from drydockd.drivers.base import NodeProvisioner, SiteNote
from drydockd.errors import DriverError
from drydockd.model import Action, Result
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.words.drivers import Drivers

STEPS = (Action.VALIDATE_NODE_SERVICES,)


async def run(job: Job, *, steps: StepRunner, drivers: Drivers) -> Result:
    """Return success if no service is down; a provisioner that is away fails it at once."""
    check = partial(_check, job, drivers.needed_node(), drivers)
    return await steps.site_steps(job, {Action.VALIDATE_NODE_SERVICES: check}, are_checks=True)


async def _check(job: Job, node: NodeProvisioner, drivers: Drivers) -> Sequence[SiteNote]:
    """Kubernetes is told of and fails nothing: a site is deployed before its cluster is there."""
    notes = await node.check()
    if drivers.kubernetes is not None:
        try:
            await drivers.kubernetes.check()
        except DriverError as error:
            await job.say(f"{error}; until then relabel_nodes would fail")
    return notes
