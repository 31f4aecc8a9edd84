"""prepare_nodes: netboot and identify what the provisioner does not know, then commission.

A node the provisioner knows is never rebooted, and one of which it cannot be said whether
it is known is not touched at all. Source: contract, orchestration, section 6.1.
"""

from __future__ import annotations

from drydockd.errors import DriverUnsupported, DrydockError
from drydockd.model import Action, Result, Timestamp
from drydockd.tasks.actions import configure_hardware, identify_node, power_cycle_node
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.steps.branch import branches
from drydockd.tasks.steps.job import Job, StepFailed, Terminated
from drydockd.tasks.steps.noderun import NodeRun, moment_after
from drydockd.tasks.steps.pipeline import pipeline
from drydockd.tasks.steps.step import StepPlan

STEPS = (
    Action.SET_NODE_BOOT,
    Action.POWER_CYCLE_NODE,
    Action.IDENTIFY_NODE,
    Action.CONFIGURE_HARDWARE,
)


async def run(job: Job) -> Result:
    """Return which nodes are commissioned; more than one get a subtask each."""
    if not job.scope:
        return await job.nothing_to_do()
    job.node_driver()
    limit = job.settings.preparation

    async def way(name: str, parent_id: str, not_after: Timestamp) -> bool:
        return await _prepared(job, name, parent_id, not_after)

    if len(job.scope) > 1:
        return job.outcome(await branches(job, job.scope, way, limit))
    name = job.scope[0]
    started = job.core.store.task(job.task_id).started
    passed = await way(name, job.task_id, moment_after(limit, since=started))
    return job.outcome([name] if passed else [])


async def _prepared(job: Job, name: str, parent_id: str, not_after: Timestamp) -> bool:
    is_known = _decided(job, parent_id)
    if is_known is None:
        if not await job.may_go_on():
            return False
        is_known = await _looked_up(job, name, parent_id)
    if is_known is None:
        return False
    try:
        plans = _plans(job, name, is_known)
    except DriverUnsupported as error:
        await job.say(str(error), node=name, error=True)
        return False
    return bool(await pipeline(job, plans, [name], parent_id=parent_id, not_after=not_after))


def _plans(job: Job, name: str, is_known: bool) -> list[StepPlan]:
    commission = configure_hardware.plan(job)
    if is_known:
        return [commission]
    node = job.node(name)
    return [
        power_cycle_node.network_boot_plan(job, node),
        power_cycle_node.power_cycle_plan(job, node),
        identify_node.plan(job),
        commission,
    ]


def _decided(job: Job, parent_id: str) -> bool | None:
    """What an earlier life of the daemon decided, read from the steps it began."""
    if not job.was_resumed:
        return None
    begun = {sub.action for sub in job.core.store.subtasks(parent_id)}
    if Action.SET_NODE_BOOT in begun:
        return False
    return True if Action.CONFIGURE_HARDWARE in begun else None


async def _looked_up(job: Job, name: str, parent_id: str) -> bool | None:
    """Ask whether the provisioner knows the node; None, said, if that cannot be told."""
    limit = job.settings.drydock_timeout
    run = NodeRun(job, name, parent_id, until=moment_after(limit))
    line = f"{job.task_id}/existence"
    if not await job.core.slots.take(line, "node", job.task_id):
        return None
    try:
        return await bounded(
            identify_node.is_known(run),
            limit,
            name=f"existence {name}",
            abandon_after=job.settings.abandon_after,
        )
    except Terminated:
        return None
    except LimitPassed:
        why = f"no answer within {limit:g} s; last seen: {run.last_seen or 'nothing'}"
    except (StepFailed, DrydockError) as error:
        why = str(error)
    finally:
        job.core.slots.give(line)
    text = f"{name}: whether the provisioner knows it cannot be told, not touched: {why}"
    await run.say(text, error=True)
    if parent_id != job.task_id:
        await job.say(text, node=name, error=True)
    return None
