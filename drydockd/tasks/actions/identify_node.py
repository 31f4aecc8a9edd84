"""Waiting until the provisioner sees a node."""

from __future__ import annotations

from functools import partial

from drydockd.drivers.base import Discovery, Handle, NodeProvisioner
from drydockd.errors import DriverTransient, NodeUnknown
from drydockd.model import Action
from drydockd.site import Node
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings


def plan(driver: NodeProvisioner, settings: TaskSettings) -> StepPlan:
    return StepPlan(
        Action.IDENTIFY_NODE,
        partial(identify, driver=driver),
        driver="node",
        limit=settings.identify_node,
        waiting_for="the provisioner to see the node",
    )


async def _found(driver: NodeProvisioner, node: Node) -> Handle | None:
    """Return the node; None for one that has yet to be enrolled. Raises NodeUnknown."""
    try:
        return await driver.find(node)
    except NodeUnknown:
        if driver.discovers is Discovery.ENROL:
            return None
        raise


async def identify(run: NodeRun, driver: NodeProvisioner) -> None:
    """Wait until the provisioner sees the node, or tell it where it enrols; give it its name."""
    run.saw("the provisioner does not know the node")
    while True:
        try:
            handle = await driver.adopt(await _found(driver, run.node), run.node)
        except (NodeUnknown, DriverTransient) as error:
            run.saw(error)
        else:
            run.conclude(f"{run.name}: identified as {handle.id}")
            return
        await run.pause()
