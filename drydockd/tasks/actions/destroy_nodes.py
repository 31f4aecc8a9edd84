"""destroy_nodes: wipe the nodes and let the provisioner forget them; never one wipe too many."""

from __future__ import annotations

from functools import partial

from drydockd.drivers.base import Handle, NodeProvisioner, NodeState
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from drydockd.model import Action, Result
from drydockd.tasks.actions import presence
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.steps.devicefence import raise_fence
from drydockd.tasks.steps.identity import IdentityCheck
from drydockd.tasks.steps.intents import Intents, Operation
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.settings import TaskSettings

STEPS = (Action.DESTROY_NODE,)


async def run(
    job: Job,
    *,
    steps: StepRunner,
    drivers: Drivers,
    recorder: Recorder,
    deployments: Deployments,
    check: IdentityCheck,
    settings: TaskSettings,
) -> Result:
    if not job.scope:
        return job.nothing_to_do()
    driver = drivers.needed_node()
    plan = StepPlan(
        Action.DESTROY_NODE,
        partial(
            destroy,
            driver=driver,
            deployments=deployments,
            recorder=recorder,
            drivers=drivers,
            check=check,
        ),
        driver="node",
        limit=settings.destroy_node,
        waiting_for="the end of the wipe",
        retries=settings.destroy_retries,
    )
    return job.outcome(await steps.pipeline(job, [plan], job.scope))


async def destroy(
    run: NodeRun,
    driver: NodeProvisioner,
    deployments: Deployments,
    recorder: Recorder,
    drivers: Drivers,
    check: IdentityCheck,
) -> None:
    """Return when the provisioner no longer knows the node; its boot data is closed then."""
    intents = run.intents()
    was_known = intents.was_announced(Operation.DESTROY)
    while True:
        handle = await _found(run, driver)
        if handle is None:
            break
        was_known = True
        try:
            await _wipe(run, driver, handle, intents, drivers, check)
            break
        except DriverTransient as error:
            await run.say(f"{run.name}: {error}")
            handle = await _found(run, driver)
            if handle is not None and handle.state is not NodeState.FAILED_RELEASE:
                await run.pause()
    changes = deployments.closing(run.name)
    if intents.is_open(Operation.DESTROY):
        await intents.settle(Operation.DESTROY, "forgotten", *changes)
    elif changes:
        await recorder.write(*changes)
    end = "wiped and forgotten" if was_known else "unknown to the provisioner, nothing to destroy"
    run.conclude(f"{run.name}: {end}")


async def _found(run: NodeRun, driver: NodeProvisioner) -> Handle | None:
    try:
        return await presence.find(run, driver)
    except NodeUnknown:
        return None


async def _wipe(
    run: NodeRun,
    driver: NodeProvisioner,
    handle: Handle,
    intents: Intents,
    drivers: Drivers,
    check: IdentityCheck,
) -> None:
    """Wipe once: a running wipe is joined, an announced one that failed is not repeated here."""
    if not intents.was_announced(Operation.DESTROY):
        if driver.cuts_power:
            await check.before_power(run, drivers.needed_oob(run.node))
        elif (oob := drivers.oob_for(run.node.oob_type)) is not None:
            await check.if_it_answers(run, oob)
        if handle.state is not NodeState.RELEASING:
            await intents.announce(Operation.DESTROY)
    elif handle.state is NodeState.FAILED_RELEASE:
        raise DriverConflict(f"{run.name}: the wipe failed; last seen: {run.last_seen}")
    elif driver.cuts_power:
        await raise_fence(run, drivers.needed_oob(run.node))
    await driver.destroy(run.node, run)
