"""What each top-level action does: one file per action, and the driver steps they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from drydockd.model import Action, Result
from drydockd.tasks.actions import (
    deploy_nodes,
    destroy_nodes,
    noop,
    prepare_nodes,
    prepare_site,
    relabel_nodes,
    validate_design,
    verify_nodes,
    verify_site,
)
from drydockd.tasks.actions.packages import PackageLists
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.settings import TaskSettings

Runs = Mapping[Action, Callable[[Job], Awaitable[Result]]]


@dataclass(frozen=True)
class ActionKind:
    """What is known of an action before it runs; `steps` are its driver steps in order.

    `is_site_wide`: it has no nodes. `is_free`: it touches nothing and runs beside anything.
    """

    steps: tuple[str, ...]
    is_site_wide: bool = False
    is_free: bool = False


ACTIONS: Mapping[Action, ActionKind] = {
    Action.VALIDATE_DESIGN: ActionKind(validate_design.STEPS, is_site_wide=True, is_free=True),
    Action.VERIFY_SITE: ActionKind(verify_site.STEPS, is_site_wide=True),
    Action.PREPARE_SITE: ActionKind(prepare_site.STEPS, is_site_wide=True),
    Action.VERIFY_NODES: ActionKind(verify_nodes.STEPS),
    Action.PREPARE_NODES: ActionKind(prepare_nodes.STEPS),
    Action.DEPLOY_NODES: ActionKind(deploy_nodes.STEPS),
    Action.DESTROY_NODES: ActionKind(destroy_nodes.STEPS),
    Action.RELABEL_NODES: ActionKind(relabel_nodes.STEPS),
    Action.NOOP: ActionKind(noop.STEPS),
}


def runs(
    steps: StepRunner,
    drivers: Drivers,
    recorder: Recorder,
    deployments: Deployments,
    packages: PackageLists,
    settings: TaskSettings,
) -> Runs:
    """Return what does each action, given the parts it uses and no others."""
    return {
        Action.VALIDATE_DESIGN: partial(validate_design.run, recorder=recorder),
        Action.VERIFY_SITE: partial(verify_site.run, steps=steps, drivers=drivers),
        Action.PREPARE_SITE: partial(prepare_site.run, steps=steps, drivers=drivers),
        Action.VERIFY_NODES: partial(
            verify_nodes.run, steps=steps, drivers=drivers, settings=settings
        ),
        Action.PREPARE_NODES: partial(
            prepare_nodes.run, steps=steps, drivers=drivers, recorder=recorder, settings=settings
        ),
        Action.DEPLOY_NODES: partial(
            deploy_nodes.run,
            steps=steps,
            drivers=drivers,
            recorder=recorder,
            deployments=deployments,
            packages=packages,
            settings=settings,
        ),
        Action.DESTROY_NODES: partial(
            destroy_nodes.run,
            steps=steps,
            drivers=drivers,
            recorder=recorder,
            deployments=deployments,
            settings=settings,
        ),
        Action.RELABEL_NODES: partial(
            relabel_nodes.run, steps=steps, drivers=drivers, settings=settings
        ),
        Action.NOOP: partial(noop.run, settings=settings),
    }
