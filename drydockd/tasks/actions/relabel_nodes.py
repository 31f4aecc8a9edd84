"""relabel_nodes: a node's effective owner data become its Kubernetes labels.

Source: contract, kubernetes, sections 1 and 3.
"""

from __future__ import annotations

from functools import partial

from drydockd.drivers.base import KubernetesDriver
from drydockd.drivers.kubernetes.labels import is_reserved, label_faults
from drydockd.errors import DriverTransient, InvalidDesign
from drydockd.model import Action, Result
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.steps.patience import growing, patiently
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words import messages
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.settings import TaskSettings

STEPS = (Action.RELABEL_NODE,)


async def run(job: Job, *, steps: StepRunner, drivers: Drivers, settings: TaskSettings) -> Result:
    if not job.scope:
        return job.nothing_to_do(messages.NO_NODES_RELABEL)
    driver = drivers.needed_kubernetes()
    plan = StepPlan(
        Action.RELABEL_NODE,
        partial(relabel, driver=driver, settings=settings),
        driver="kubernetes",
        limit=settings.relabel_node,
        waiting_for="Kubernetes to take the labels",
        is_brief=True,
    )
    return job.outcome(await steps.pipeline(job, [plan], job.scope))


async def relabel(run: NodeRun, driver: KubernetesDriver, settings: TaskSettings) -> None:
    """Raises InvalidDesign for labels Kubernetes would refuse."""
    labels = run.node.owner_data
    if not labels:
        run.conclude(f"{run.name}: no owner data, its labels are left as they are")
        return
    if faults := label_faults(labels):
        raise InvalidDesign(f"node {run.name}: owner data: {'; '.join(faults)}")
    shown = ", ".join(f"{key}={value}" for key, value in labels.items())
    await run.say(f"{run.name}: labels {shown}")
    if reserved := ", ".join(filter(is_reserved, labels)):
        await run.say(
            f"{run.name}: {reserved}: Kubernetes keeps such labels itself; they are set as the "
            "design says, and never removed again"
        )
    asked_for = 0.0

    async def tell(error: DriverTransient) -> None:
        nonlocal asked_for
        asked_for = error.retry_after or 0.0
        await run.tell(error)

    async def pause(made: int) -> None:
        await run.pause(max(asked_for, growing(made, settings.poll_interval)))

    await patiently(
        lambda: driver.relabel(run.name, labels),
        tell=tell,
        pause=pause,
        tries=settings.relabel_retries + 1,
    )
