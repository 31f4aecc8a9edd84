"""Nodes by the type of their BMCs, each type with the driver that answers for it."""

from __future__ import annotations

from collections.abc import Callable

from drydockd.drivers.base import OobDriver
from drydockd.errors import DriverUnsupported
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.drivers import Drivers


async def plans_by_type(
    job: Job, drivers: Drivers, plan_for: Callable[[OobDriver], StepPlan]
) -> dict[str, tuple[StepPlan, list[str]]]:
    """Group the nodes that have a driver; say of the others that they have none."""
    groups: dict[str, tuple[StepPlan, list[str]]] = {}
    for name in job.scope:
        node = job.node(name)
        try:
            driver = drivers.needed_oob(node)
        except DriverUnsupported as error:
            await job.say(str(error), node=name, error=True)
            continue
        groups.setdefault(node.oob_type or "", (plan_for(driver), []))[1].append(name)
    return groups
