"""Waiting until the provisioner sees a node."""

from __future__ import annotations

import asyncio
from functools import partial

from drydockd.drivers.base import Discovery, Handle, NodeProvisioner, OobDriver
from drydockd.errors import DriverError, DriverTransient, NodeUnknown
from drydockd.model import Action
from drydockd.site import Node
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings


class WhyNot:
    """Asks a BMC once, after half of the limit, what its machine boots from.

    Some take a boot device and do not keep to it. Source: contract, oob-faults, C.23.
    """

    def __init__(self, oob: OobDriver, *, seconds: float, limit: float) -> None:
        self.oob = oob
        self._seconds = seconds
        self._limit = limit
        self._told: str | None = None

    async def told(self, run: NodeRun) -> str:
        """What is to be said behind "not seen"; empty until it is time."""
        if self._told is None:
            if run.remaining() > self._limit / 2:
                return ""
            self._told = await self._ask(run)
        return self._told

    async def _ask(self, run: NodeRun) -> str:
        try:
            async with asyncio.timeout(self._seconds):
                facts = await self.oob.facts(run.node)
        except (TimeoutError, DriverError) as error:
            cause = str(error) or f"no answer within {self._seconds:g} s"
            return f"; its BMC does not say what it boots from: {cause}"
        return f"; its BMC reads power {facts.power}, next boot {facts.boot_device or 'unknown'}"


def plan(driver: NodeProvisioner, settings: TaskSettings, oob: OobDriver | None = None) -> StepPlan:
    """`oob`: the driver that made the node boot from the network, if one did."""
    limit = settings.identify_node
    why = WhyNot(oob, seconds=settings.view_timeout, limit=limit) if oob else None
    return StepPlan(
        Action.IDENTIFY_NODE,
        partial(identify, driver=driver, why=why),
        driver="node",
        limit=limit,
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


async def identify(run: NodeRun, driver: NodeProvisioner, why: WhyNot | None = None) -> None:
    """Wait until the provisioner sees the node, or tell it where it enrols; give it its name."""
    run.saw("the provisioner does not know the node")
    while True:
        try:
            handle = await driver.adopt(await _found(driver, run.node), run.node)
        except (NodeUnknown, DriverTransient) as error:
            run.saw(f"{error}{await why.told(run) if why else ''}")
        else:
            run.conclude(f"{run.name}: identified as {handle.id}")
            return
        await run.pause()
