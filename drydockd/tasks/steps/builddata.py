"""Keeps what was learnt about a node. Nothing here ever changes the result of a step.

Source: contract, orchestration, section 10; tasks, sections 3.3 and 12.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from drydockd.drivers.base import Handle, NodeProvisioner
from drydockd.errors import DriverError
from drydockd.model import BuildData
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.words.settings import TaskSettings

log = logging.getLogger(__name__)

SHARE_OF_TIME = 0.5


@dataclass(frozen=True)
class BuildDataCollector:
    """Fetches logs and inventories from the provisioner for the node's subtask."""

    driver: NodeProvisioner
    settings: TaskSettings

    async def keep(
        self, run: NodeRun, handle: Handle, phases: Sequence[str], *, with_inventory: bool = False
    ) -> None:
        """Fetch the node's logs of `phases`, and its inventory, linked from its subtask.

        They are stored together with the attempt's end, so that they are stored once.
        Bounded by half of what is left of the step's limit, so that slow logs cannot end it.
        """
        seconds = min(self.settings.drydock_timeout, run.remaining() * SHARE_OF_TIME)
        try:
            async with asyncio.timeout(seconds):
                found = await self._collect(run, handle, phases, with_inventory)
        except TimeoutError:
            run.conclude(f"{run.name}: logs were not there within {seconds:.0f} s, left out")
        except DriverError as error:
            run.conclude(f"{run.name}: logs could not be read, left out: {error}")
        except Exception:
            log.exception("%s: logs could not be read", run.name)
            run.conclude(f"{run.name}: logs could not be read, left out; the log has the details")
        else:
            run.keep(found)

    async def _collect(
        self, run: NodeRun, handle: Handle, phases: Sequence[str], with_inventory: bool
    ) -> list[BuildData]:
        records = []
        if with_inventory:
            for document in (await self.driver.inventory(handle)).documents:
                records.append(run.learnt(document.generator, document.data_format, document.text))
        for phase in phases:
            for entry in await self.driver.logs(handle, phase):
                records.append(run.learnt(f"{entry.phase}:{entry.name}", "text/plain", entry.text))
        return [record for record in records if record.data_element]
