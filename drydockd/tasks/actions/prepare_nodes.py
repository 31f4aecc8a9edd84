"""prepare_nodes: netboot and identify what the provisioner does not know, then commission.

Where the provisioner enrols, it is told of the node instead, and no out-of-band driver
touches it. A node the provisioner knows is never rebooted, and one of which it cannot be said
whether it is known is not touched at all. Source: contract, orchestration, section 6.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from drydockd.drivers.base import Discovery, NodeProvisioner
from drydockd.errors import DriverUnsupported
from drydockd.model import Action, Result, Timestamp
from drydockd.render import Trial
from drydockd.tasks.actions import configure_hardware, identify_node, power_cycle_node, presence
from drydockd.tasks.actions.firstrender import FirstRender, untouched
from drydockd.tasks.steps.builddata import BuildDataCollector
from drydockd.tasks.steps.identity import IdentityCheck, OwnPower
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.lookup import Unanswered
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words import messages
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.outcomes import Outcome
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed, Terminated
from drydockd.tasks.words.times import moment_after

STEPS = (
    Action.SET_NODE_BOOT,
    Action.POWER_CYCLE_NODE,
    Action.IDENTIFY_NODE,
    Action.CONFIGURE_HARDWARE,
)


async def run(
    job: Job,
    *,
    steps: StepRunner,
    drivers: Drivers,
    check: IdentityCheck,
    first: FirstRender,
    settings: TaskSettings,
) -> Result:
    """Return which nodes are commissioned; more than one get a subtask each."""
    if not job.scope:
        return job.nothing_to_do()
    prepare = _Preparation(
        job, drivers.needed_node(), steps, drivers, check, settings, first.on_trial(job)
    ).of
    limit = settings.preparation
    if len(job.scope) > 1:
        return job.outcome(await steps.branches(job, job.scope, prepare, limit))
    name = job.scope[0]
    outcome = await prepare(name, job.task_id, moment_after(limit, since=job.started))
    if outcome.text:
        job.conclude(messages.on_node(job.task_id, name, outcome.text, error=True))
    return job.outcome([name] if outcome.passed else [])


@dataclass(frozen=True)
class _Preparation:
    """How the nodes of one job are prepared."""

    job: Job
    driver: NodeProvisioner
    steps: StepRunner
    drivers: Drivers
    check: IdentityCheck
    settings: TaskSettings
    trial: Trial

    async def of(self, name: str, parent_id: str, not_after: Timestamp) -> Outcome:
        try:
            plans = await self._plans(name, parent_id)
        except Terminated:
            return Outcome(passed=False)
        except Unanswered as error:
            why = f"whether the provisioner knows it cannot be told, not touched: {error}"
            return Outcome(passed=False, text=f"{name}: {why}")
        except (DriverUnsupported, StepFailed) as error:
            return Outcome(passed=False, text=str(error))
        passed = await self.steps.pipeline(
            self.job, plans, [name], parent_id=parent_id, not_after=not_after
        )
        return Outcome(passed=bool(passed))

    async def _plans(self, name: str, parent_id: str) -> list[StepPlan]:
        """Raises Terminated, Unanswered, DriverUnsupported, StepFailed."""
        is_known = self._decided(parent_id)
        if is_known is None:
            if failed := await self.trial.of(self.job.node(name)):
                raise StepFailed(untouched(failed[0].text))
            is_known = await self._looked_up(name, parent_id)
        builddata = BuildDataCollector(self.driver, self.settings)
        commission = configure_hardware.plan(
            self.driver, builddata, OwnPower(self.driver, self.drivers, self.check), self.settings
        )
        if is_known:
            return [commission]
        if self.driver.discovers is Discovery.ENROL:
            return [identify_node.plan(self.driver, self.settings), commission]
        oob = self.drivers.needed_oob(self.job.node(name))
        return [
            power_cycle_node.network_boot_plan(oob, self.check, self.settings),
            power_cycle_node.power_cycle_plan(oob, self.check, self.settings),
            identify_node.plan(self.driver, self.settings, oob),
            commission,
        ]

    def _decided(self, parent_id: str) -> bool | None:
        """What was decided before the daemon was started, read from the steps begun then."""
        begun = self.steps.begun(self.job, parent_id)
        if begun & {Action.SET_NODE_BOOT, Action.IDENTIFY_NODE}:
            return False
        return True if Action.CONFIGURE_HARDWARE in begun else None

    async def _looked_up(self, name: str, parent_id: str) -> bool:
        """Ask whether the provisioner knows the node. Raises Terminated, Unanswered."""
        if not await self.job.may_go_on():
            raise Terminated
        return await self.steps.look_up(
            self.job,
            name,
            parent_id,
            partial(presence.is_known, driver=self.driver),
            what="existence",
            driver="node",
        )
