"""deploy_nodes: network, storage, platform, deployment, then the boot actions' reports."""

from __future__ import annotations

from drydockd.model import Action, Result
from drydockd.tasks.actions import apply_node, bootaction_report
from drydockd.tasks.actions.deploy_node import DeployNode
from drydockd.tasks.actions.firstrender import FirstRender
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.steps.builddata import BuildDataCollector
from drydockd.tasks.steps.identity import IdentityCheck, OwnPower
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.settings import TaskSettings

STEPS = (
    Action.APPLY_NODE_NETWORKING,
    Action.APPLY_NODE_STORAGE,
    Action.APPLY_NODE_PLATFORM,
    Action.DEPLOY_NODE,
    Action.BOOTACTION_REPORT,
)


async def run(
    job: Job,
    *,
    steps: StepRunner,
    drivers: Drivers,
    deployments: Deployments,
    first: FirstRender,
    check: IdentityCheck,
    settings: TaskSettings,
) -> Result:
    """Return which nodes are deployed with all their boot actions reported well."""
    if not job.scope:
        return job.nothing_to_do()
    driver = drivers.needed_node()
    builddata = BuildDataCollector(driver, settings)
    power = OwnPower(driver, drivers, check)
    begun = await deployments.of_task(job.task_id, job.scope) if job.was_resumed else ()
    with first.fetching(job, begun) as fetched:
        plans = [
            apply_node.network_plan(driver, settings),
            apply_node.storage_plan(driver, settings),
            apply_node.platform_plan(driver, settings),
            DeployNode(driver, deployments, first, fetched, builddata, power, settings).plan(),
            bootaction_report.plan(deployments, settings),
        ]
        return job.outcome(await steps.pipeline(job, plans, job.scope))
