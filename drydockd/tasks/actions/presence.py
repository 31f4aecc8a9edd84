"""Whether and as what the provisioner knows a node."""

from __future__ import annotations

from drydockd.drivers.base import Handle, NodeProvisioner, NodeState
from drydockd.errors import NodeUnknown
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.words.stops import StepFailed

INFRASTRUCTURE = "infrastructure"
# A deployed node is changed only by a destroy, not even its name.
UNTOUCHED = (NodeState.DEPLOYED, NodeState.DEPLOYING, NodeState.RELEASING)


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
