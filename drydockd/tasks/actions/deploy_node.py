"""The deployment of one node: boot context, durable intent, driver call, logs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from drydockd import render
from drydockd.drivers.base import Handle, NodeState
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from drydockd.model import Action, BootAction, BootContext
from drydockd.plans import BootDelivery, DeploySpec
from drydockd.tasks.actions import identify_node
from drydockd.tasks.deployments import new_context, new_rows
from drydockd.tasks.steps import builddata
from drydockd.tasks.steps.intents import Intents, Operation
from drydockd.tasks.steps.job import Job, StepFailed
from drydockd.tasks.steps.noderun import NodeRun
from drydockd.tasks.steps.step import StepPlan

TO_DEPLOY = (NodeState.READY, NodeState.FAILED_DEPLOY)
TAKEN = (NodeState.DEPLOYING, NodeState.DEPLOYED)


def plan(job: Job) -> StepPlan:
    return StepPlan(
        Action.DEPLOY_NODE,
        deploy,
        driver="node",
        limit=job.settings.deploy_node,
        waiting_for="the end of the deployment",
        retries=job.settings.deploy_retries,
    )


async def deploy(run: NodeRun) -> None:
    """Return when the node is deployed.

    The subtask's id is the deployment's id. After a restart, and after a lost answer, the
    provisioner's state and that id decide whether to accept, join, call or give up.
    """
    intents = run.intents()
    while True:
        handle = await _found(run)
        if not intents.was_announced(Operation.DEPLOY) and handle.state is NodeState.DEPLOYED:
            await run.say(f"{run.name}: is deployed already, left as it is")
            return
        try:
            handle = await _deployed(run, handle, intents)
            break
        except DriverTransient as error:
            await run.say(f"{run.name}: {error}")
            if (await _found(run)).state is NodeState.READY:
                await run.pause()
    if intents.is_open(Operation.DEPLOY):
        await intents.settle(Operation.DEPLOY, "deployed")
    await run.say(f"{run.name}: deployed")
    await builddata.keep(run, handle, ("deploy",))


async def _deployed(run: NodeRun, handle: Handle, intents: Intents) -> Handle:
    driver = run.job.node_driver()
    if not intents.was_announced(Operation.DEPLOY):
        if handle.state is NodeState.DEPLOYING:
            await run.say(f"{run.name}: is deploying already, waiting for its end")
            spec = await _spec(run, handle.deployment_id or run.task_id)
        elif handle.state in TO_DEPLOY:
            spec = await _announce(run, intents)
        else:
            raise StepFailed(f"{run.name}: cannot be deployed, it is {handle.state}")
        return await driver.deploy(handle, spec, run)
    _check_proof(run, handle)
    if handle.state is NodeState.DEPLOYED:
        await run.say(f"{run.name}: found deployed by this very step")
        return handle
    return await driver.deploy(handle, await _spec(run, run.task_id), run)


def _check_proof(run: NodeRun, handle: Handle) -> None:
    """Raise unless the state proves what became of the announced deployment."""
    is_ours = handle.deployment_id == run.task_id
    if handle.state is NodeState.READY or (handle.state in TAKEN and is_ours):
        return
    if handle.state is NodeState.FAILED_DEPLOY:
        raise DriverConflict(f"{run.name}: the deployment failed; last seen: {run.last_seen}")
    of = f" as deployment {handle.deployment_id}" if handle.deployment_id else ""
    raise StepFailed(
        f"{run.name}: its deployment {run.task_id} was interrupted, and now it is "
        f"{handle.state}{of}; what happened cannot be proven, so nothing is repeated"
    )


async def _found(run: NodeRun) -> Handle:
    try:
        return await identify_node.find(run)
    except NodeUnknown as error:
        raise StepFailed(
            f"{run.name}: unknown to the provisioner; run prepare_nodes first"
        ) from error


async def _announce(run: NodeRun, intents: Intents) -> DeploySpec:
    """Open the boot context together with the intent, in one write; return what to deploy.

    Everything that can fail without the provisioner, such as a package list behind an
    address, has been done before that write.
    """
    job, store = run.job, run.job.core.store
    specs = job.site.bootactions_of(run.name)
    context, rows = None, []
    if specs:
        context = new_context(store.task(run.task_id), run.name)
        rows = new_rows(context, specs)
    spec = await _specified(run, run.task_id, context, rows)
    changes = job.core.deployments.opening(run.name, context, rows)
    await intents.announce(Operation.DEPLOY, *changes)
    return spec


async def _spec(run: NodeRun, deployment_id: str) -> DeploySpec:
    """Return the spec of a deployment that was announced before."""
    deployments = run.job.core.deployments
    context = deployments.current(run.name)
    if context is None or context.context_id != deployment_id:
        return await _specified(run, deployment_id, None, [])
    return await _specified(run, deployment_id, context, deployments.rows(context))


async def _specified(
    run: NodeRun, deployment_id: str, context: BootContext | None, rows: Sequence[BootAction]
) -> DeploySpec:
    job, node, core = run.job, run.node, run.job.core
    caller = job.caller
    packages = await render.package_list(
        job.site,
        node,
        core.deployments.grants(context, rows) if context else {},
        report_url=job.settings.report_url,
        design_ref=job.design.ref,
        fetch=partial(core.designs.fetch, marker=caller.external_marker, end_user=caller.end_user),
        templates=core.templates,
    )
    boot = None
    if context is not None:
        key = core.deployments.node_key(context)
        boot = BootDelivery(key=key, base_url=job.settings.boot_url, hostname=node.name)
    region = job.site.region
    return DeploySpec(
        deployment_id=deployment_id,
        image=node.image,
        kernel=node.kernel,
        domain=job.site.domain_of(node),
        packages=packages,
        boot=boot,
        owner_data=node.owner_data,
        authorized_keys=region.authorized_keys if region else (),
    )
