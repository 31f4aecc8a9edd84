"""Network, storage and platform of one node, written to the provisioner before a deployment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial

from drydockd.design import plans
from drydockd.design.inventory import Hardware, hardware_of
from drydockd.drivers.base import Handle, Inventory, NodeProvisioner, NodeState
from drydockd.errors import NodeUnknown
from drydockd.model import Action
from drydockd.tasks.actions import presence
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.patience import patiently
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed

# A document of this size takes about a millisecond.
PARSED_HERE = 32_000
# Changed only by a destroy; counts as done.
UNTOUCHED = (NodeState.DEPLOYED, NodeState.DEPLOYING)


def network_plan(driver: NodeProvisioner, settings: TaskSettings) -> StepPlan:
    limit = settings.apply_node_networking
    return _plan(
        Action.APPLY_NODE_NETWORKING,
        partial(apply_networking, driver=driver, settings=settings),
        limit,
        "network",
    )


def storage_plan(driver: NodeProvisioner, settings: TaskSettings) -> StepPlan:
    limit = settings.apply_node_storage
    return _plan(Action.APPLY_NODE_STORAGE, partial(apply_storage, driver=driver), limit, "storage")


def platform_plan(driver: NodeProvisioner, settings: TaskSettings) -> StepPlan:
    limit = settings.apply_node_platform
    return _plan(
        Action.APPLY_NODE_PLATFORM, partial(apply_platform, driver=driver), limit, "platform"
    )


async def apply_networking(run: NodeRun, driver: NodeProvisioner, settings: TaskSettings) -> None:
    """Raises the last error when the attempts of `[networkconfig]` are used up."""
    handle = await _changeable(run, driver)
    if handle is None:
        return
    hardware = await _hardware(run, driver, handle)
    plan = plans.network_plan(run.job.site, run.node, hardware)

    async def pause(_: int) -> None:
        low, high = settings.network_retry_min_delay, settings.network_retry_max_delay
        await run.pause(random.uniform(low, high))

    await patiently(
        lambda: driver.apply_network(handle, plan),
        tell=run.tell,
        pause=pause,
        tries=settings.network_max_retries + 1,
    )
    run.conclude(f"{run.name}: network written, {len(plan.interfaces)} interfaces")


async def apply_storage(run: NodeRun, driver: NodeProvisioner) -> None:
    handle = await _changeable(run, driver)
    if handle is None:
        return
    hardware = await _hardware(run, driver, handle)
    plan = plans.storage_plan(run.job.site, run.node, hardware, boot_reserve=driver.boot_reserve)
    await run.patiently(lambda: driver.apply_storage(handle, plan))
    run.conclude(f"{run.name}: storage written, {len(plan.disks)} disks")


async def apply_platform(run: NodeRun, driver: NodeProvisioner) -> None:
    handle = await _changeable(run, driver)
    if handle is None:
        return
    plan = plans.platform_plan(run.job.site, run.node)
    await run.patiently(lambda: driver.apply_platform(handle, plan))
    run.conclude(f"{run.name}: platform written, image {plan.image}")


def _plan(
    action: Action, body: Callable[[NodeRun], Awaitable[None]], limit: float, what: str
) -> StepPlan:
    waiting_for = f"the provisioner to take the {what}"
    return StepPlan(
        action, body, driver="node", limit=limit, waiting_for=waiting_for, is_brief=True
    )


async def _changeable(run: NodeRun, driver: NodeProvisioner) -> Handle | None:
    """Return the node if it may be configured; None, said, when it is deployed already."""
    try:
        handle = await presence.find(run, driver)
    except NodeUnknown as error:
        raise StepFailed(
            f"{run.name}: unknown to the provisioner; run prepare_nodes first"
        ) from error
    if handle.state in UNTOUCHED:
        run.conclude(f"{run.name}: is {handle.state} already, left as it is")
        return None
    if handle.state not in (NodeState.READY, NodeState.FAILED_DEPLOY):
        raise StepFailed(
            f"{run.name}: cannot be configured, it is {handle.state}; run prepare_nodes first"
        )
    return handle


async def _parsed(run: NodeRun, inventory: Inventory) -> Hardware:
    """Parse once per node and task; large documents off the loop."""
    known = run.job.hardware.get(run.name)
    mark = hash(inventory)
    if known is None or known[0] != mark:
        arguments = (run.job.site, run.node, inventory)
        if sum(len(document.text) for document in inventory.documents) > PARSED_HERE:
            hardware = await asyncio.to_thread(hardware_of, *arguments)
        else:
            hardware = hardware_of(*arguments)
        known = run.job.hardware[run.name] = (mark, hardware)
    return known[1]


async def _hardware(run: NodeRun, driver: NodeProvisioner, handle: Handle) -> Hardware:
    return await _parsed(run, await run.patiently(lambda: driver.inventory(handle)))
