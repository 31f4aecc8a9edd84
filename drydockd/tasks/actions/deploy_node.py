"""The deployment of one node: boot context, durable intent, driver call, logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from drydockd.drivers.base import Handle, NodeProvisioner, NodeState
from drydockd.errors import DriverConflict, DriverTransient, DrydockError, NodeUnknown, Unavailable
from drydockd.model import Action, BootAction, BootContext
from drydockd.plans import BootDelivery, DeploySpec
from drydockd.render import ActionGrant
from drydockd.tasks.actions import presence
from drydockd.tasks.actions.firstrender import FirstRender, Packages
from drydockd.tasks.deployments import Deployments, new_context, new_rows
from drydockd.tasks.shared.pinned import Fetched
from drydockd.tasks.steps.builddata import BuildDataCollector
from drydockd.tasks.steps.identity import OwnPower
from drydockd.tasks.steps.intents import Intents, Operation
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed

TO_DEPLOY = (NodeState.READY, NodeState.FAILED_DEPLOY)
TAKEN = (NodeState.DEPLOYING, NodeState.DEPLOYED)


@dataclass(frozen=True)
class DeployNode:
    """The step: with the provisioner and what goes into a deployment."""

    driver: NodeProvisioner
    deployments: Deployments
    first: FirstRender
    fetched: Fetched
    builddata: BuildDataCollector
    power: OwnPower
    settings: TaskSettings

    def plan(self) -> StepPlan:
        return StepPlan(
            Action.DEPLOY_NODE,
            self.deploy,
            driver="node",
            limit=self.settings.deploy_node,
            waiting_for="the end of the deployment",
            retries=self.settings.deploy_retries,
        )

    async def deploy(self, run: NodeRun) -> None:
        """Return when the node is deployed.

        The subtask's id is the deployment's id. After a restart, and after a lost answer, the
        provisioner's state and that id decide whether to accept, join, call or give up.
        """
        intents = run.intents()
        while True:
            handle = await self._found(run)
            if not intents.was_announced(Operation.DEPLOY) and handle.state is NodeState.DEPLOYED:
                run.conclude(f"{run.name}: is deployed already, left as it is")
                return
            try:
                handle = await self._deployed(run, handle, intents)
                break
            except DriverTransient as error:
                await run.say(f"{run.name}: {error}")
                if (await self._found(run)).state is NodeState.READY:
                    await run.pause()
        if intents.is_open(Operation.DEPLOY):
            await intents.settle(Operation.DEPLOY, "deployed")
        run.conclude(f"{run.name}: deployed")
        await self.builddata.keep(run, handle, ("deploy",))

    async def _found(self, run: NodeRun) -> Handle:
        try:
            return await presence.find(run, self.driver)
        except NodeUnknown as error:
            raise StepFailed(
                f"{run.name}: unknown to the provisioner; run prepare_nodes first"
            ) from error

    async def _deployed(self, run: NodeRun, handle: Handle, intents: Intents) -> Handle:
        if not intents.was_announced(Operation.DEPLOY):
            if handle.state is NodeState.DEPLOYING:
                await run.say(f"{run.name}: is deploying already, waiting for its end")
                spec = await self._spec(run, handle.deployment_id or run.task_id)
            elif handle.state in TO_DEPLOY:
                spec = await self._announce(run, intents)
            else:
                raise StepFailed(f"{run.name}: cannot be deployed, it is {handle.state}")
            return await self.driver.deploy(handle, spec, run)
        _check_proof(run, handle)
        if handle.state is NodeState.DEPLOYED:
            await run.say(f"{run.name}: found deployed by this very step")
            return handle
        await self.power.fenced(run)
        return await self.driver.deploy(handle, await self._spec(run, run.task_id), run)

    async def _announce(self, run: NodeRun, intents: Intents) -> DeploySpec:
        """Open the boot context together with the intent, in one write; return what to deploy.

        Everything that can fail without the provisioner has been done before that write: every
        asset is rendered, every source pinned.
        """
        await self.power.checked(run)
        specs = run.job.site.bootactions_of(run.name)
        if not specs:
            await intents.announce(Operation.DEPLOY, *self.deployments.opening(run.name, None, []))
            return self._specified(run, run.task_id, None, {})
        design = run.job.design
        context = new_context(run.name, run.task_id, design.ref, design.digest)
        rows = new_rows(context, specs)
        grants = self.deployments.grants(context, rows)
        packages, sources = await self.first.of(run, grants, self.fetched)
        context = replace(context, pins=sources.pins)
        await self._open(run, intents, context, rows)
        return self._specified(run, run.task_id, context, packages)

    async def _open(
        self, run: NodeRun, intents: Intents, context: BootContext, rows: Sequence[BootAction]
    ) -> None:
        pinned = self.first.pinned
        if not pinned.hold(context.pins):
            raise Unavailable(f"{run.name}: what was fetched for it is not in the store any more")
        try:
            changes = self.deployments.opening(run.name, context, rows)
            await intents.announce(Operation.DEPLOY, *changes)
        except DrydockError:
            pinned.drop(context.pins)
            raise
        self.fetched.named(context.pins)

    async def _spec(self, run: NodeRun, deployment_id: str) -> DeploySpec:
        """Return the spec of a deployment that was announced before."""
        context = self.deployments.current(run.name)
        if context is None or context.context_id != deployment_id:
            grants: Mapping[str, ActionGrant] = {}
            packages, _ = await self.first.of(run, grants, self.fetched)
            return self._specified(run, deployment_id, None, packages)
        grants = self.deployments.grants(context)
        packages = await self.first.again(run.job, run.node, context, grants)
        return self._specified(run, deployment_id, context, packages)

    def _specified(
        self, run: NodeRun, deployment_id: str, context: BootContext | None, packages: Packages
    ) -> DeploySpec:
        job, node = run.job, run.node
        boot = None
        if context is not None:
            key = self.deployments.node_key(context)
            boot = BootDelivery(key=key, base_url=self.settings.boot_url, hostname=node.name)
        region = job.site.region
        return DeploySpec(
            deployment_id=deployment_id,
            image=node.image,
            kernel=node.kernel,
            domain=job.site.domain_of(node),
            packages=packages,
            boot=boot,
            owner_data=node.owner_data,
            authorized_keys=region.authorized_keys if region else (),
        )


def _check_proof(run: NodeRun, handle: Handle) -> None:
    """Raise unless the state proves what became of the announced deployment."""
    is_ours = handle.deployment_id == run.task_id
    if handle.state is NodeState.READY or (handle.state in TAKEN and is_ours):
        return
    if handle.state is NodeState.FAILED_DEPLOY:
        if handle.final_failure is not None:
            raise StepFailed(f"{run.name}: the deployment failed: {handle.final_failure}")
        raise DriverConflict(f"{run.name}: the deployment failed; last seen: {run.last_seen}")
    of = f" as deployment {handle.deployment_id}" if handle.deployment_id else ""
    raise StepFailed(
        f"{run.name}: its deployment {run.task_id} was interrupted, and now it is "
        f"{handle.state}{of}; what happened cannot be proven, so nothing is repeated"
    )
