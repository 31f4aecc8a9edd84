"""deploy_nodes: network, storage, platform, deployment, then the boot actions' reports."""

from __future__ import annotations

from drydockd.model import Action, Result
from drydockd.tasks.actions import apply_node, bootaction_report, deploy_node
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.pipeline import pipeline

STEPS = (
    Action.APPLY_NODE_NETWORKING,
    Action.APPLY_NODE_STORAGE,
    Action.APPLY_NODE_PLATFORM,
    Action.DEPLOY_NODE,
    Action.BOOTACTION_REPORT,
)


async def run(job: Job) -> Result:
    """Return which nodes are deployed with all their boot actions reported well."""
    if not job.scope:
        return await job.nothing_to_do()
    job.node_driver()
    plans = [
        apply_node.network_plan(job),
        apply_node.storage_plan(job),
        apply_node.platform_plan(job),
        deploy_node.plan(job),
        bootaction_report.plan(job),
    ]
    return job.outcome(await pipeline(job, plans, job.scope))
