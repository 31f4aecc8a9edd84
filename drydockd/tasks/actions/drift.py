"""What verify_nodes finds out about deployed nodes: how they differ. Read-only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from drydockd.api import drift as wire
from drydockd.design.drift import Drift, drift_of
from drydockd.drivers.base import NodeProvisioner, Teller
from drydockd.errors import DriverError, InvalidDesign, StoreRefused
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.words.settings import TaskSettings

MOST_SAID = 20
MOST_KEPT = 200
LONGEST_TEXT = 400


@dataclass(frozen=True)
class DriftCheck:
    """Nothing here changes the result of a step; `driver` is the provisioner, if there is one."""

    driver: NodeProvisioner | None
    settings: TaskSettings

    async def announce(self, job: Job) -> None:
        """Say once where nothing can be compared."""
        if self.driver is not None and not isinstance(self.driver, Teller):
            await job.say("the provisioner does not tell what it installed: no drift is looked for")

    async def look(self, run: NodeRun) -> None:
        """Conclude how the node differs, and keep it as build data; nothing if not deployed."""
        if not isinstance(self.driver, Teller):
            return
        try:
            async with asyncio.timeout(self.settings.view_timeout):
                installed = await self.driver.installed(run.node)
                if installed is None:
                    return
                reserve = self.driver.boot_reserve
                found = await asyncio.to_thread(
                    drift_of, run.job.site, run.node, installed, boot_reserve=reserve
                )
        except (TimeoutError, DriverError, InvalidDesign, StoreRefused) as error:
            why = str(error) or f"no answer within {self.settings.view_timeout:g} s"
            run.conclude(f"{run.name}: whether it differs could not be told: {why}")
            return
        _say(run, found)
        text = _document(found, installed.deployment_id).model_dump_json(exclude_none=True)
        run.keep([run.learnt(wire.GENERATOR, wire.DATA_FORMAT, text)])


def _say(run: NodeRun, found: Drift) -> None:
    for difference in found.differences[:MOST_SAID]:
        run.conclude(f"{run.name}: differs: {_cut(str(difference))}")
    if len(found.differences) > MOST_SAID:
        more = len(found.differences) - MOST_SAID
        run.conclude(f"{run.name}: differs in {more} more; see its build data")
    if not found.differences:
        run.conclude(f"{run.name}: is as it was deployed, and as its design says")
    if found.absent:
        run.conclude(f"{run.name}: not told, so not compared: {', '.join(found.absent)}")


def _document(found: Drift, deployment_id: str | None) -> wire.Drift:
    """Return what is kept; what a machine can make long is cut."""
    told = [
        wire.Difference(
            what=_cut(one.what), wanted=_cut(one.wanted), found=_cut(one.found), source=one.source
        )
        for one in found.differences[:MOST_KEPT]
    ]
    return wire.Drift(
        deployment_id=deployment_id,
        differences=told,
        absent=list(found.absent),
        left_out=len(found.differences) - len(told),
    )


def _cut(text: str) -> str:
    return text[:LONGEST_TEXT]
