"""Finding a node at the provisioner: does it know the node, and waiting until it does."""

from __future__ import annotations

from functools import partial

from drydockd.drivers.base import Handle, NodeProvisioner, NodeState
from drydockd.errors import DriverTransient, NodeUnknown
from drydockd.model import Action
from drydockd.tasks.steps.noderun import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed

INFRASTRUCTURE = "infrastructure"
# A deployed node is changed only by a destroy, not even its name.
UNTOUCHED = (NodeState.DEPLOYED, NodeState.DEPLOYING, NodeState.RELEASING)


def plan(driver: NodeProvisioner, settings: TaskSettings) -> StepPlan:
    return StepPlan(
        Action.IDENTIFY_NODE,
        partial(identify, driver=driver),
        driver="node",
        limit=settings.identify_node,
        waiting_for="the provisioner to see the node",
    )


async def find(run: NodeRun, driver: NodeProvisioner) -> Handle:
    """Return the provisioner's node, asking again while it cannot be reached.

    Raises NodeUnknown, and StepFailed for machines that are none of ours.
    """
    handle = await run.patiently(lambda: driver.find(run.node))
    run.saw(f"the provisioner has it {handle.state}")
    if handle.kind == INFRASTRUCTURE:
        raise StepFailed(f"{run.name}: {handle.id} is infrastructure and never touched")
    return handle


async def is_known(run: NodeRun, driver: NodeProvisioner) -> bool:
    """Return whether the provisioner knows the node; a known one is given its name.

    Only a certain "unknown" is False; everything else that is not certain is raised.
    """
    try:
        handle = await find(run, driver)
    except NodeUnknown:
        return False
    if handle.state not in UNTOUCHED:
        handle = await run.patiently(lambda: driver.adopt(handle, run.node))
    await run.say(
        f"{run.name}: known to the provisioner ({handle.state}), out-of-band steps skipped"
    )
    return True


async def identify(run: NodeRun, driver: NodeProvisioner) -> None:
    """Wait until the provisioner sees the node; give it its name."""
    run.saw("the provisioner does not know the node")
    while True:
        try:
            handle = await driver.adopt(await driver.find(run.node), run.node)
        except (NodeUnknown, DriverTransient) as error:
            run.saw(error)
        else:
            await run.say(f"{run.name}: identified as {handle.id}")
            return
        await run.pause()
