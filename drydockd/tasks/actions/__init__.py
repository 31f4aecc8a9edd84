"""What each top-level action does: one file per action, and the driver steps they share."""

from __future__ import annotations

from functools import partial

from drydockd.model import Action
from drydockd.tasks.actions import (
    deploy_nodes,
    destroy_nodes,
    noop,
    power_nodes,
    prepare_nodes,
    prepare_site,
    relabel_nodes,
    validate_design,
    verify_nodes,
    verify_site,
)
from drydockd.tasks.actions.firstrender import FirstRender
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.steps.identity import IdentityCheck
from drydockd.tasks.steps.kinds import ActionKind, ActionKinds
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.settings import TaskSettings


def action_kinds(
    steps: StepRunner,
    drivers: Drivers,
    recorder: Recorder,
    deployments: Deployments,
    first: FirstRender,
    check: IdentityCheck,
    settings: TaskSettings,
) -> ActionKinds:
    """Return the kinds of all actions; each is given the parts it uses and no others."""
    return {
        Action.VALIDATE_DESIGN: ActionKind(
            validate_design.run,
            validate_design.STEPS,
            is_site_wide=True,
            is_free=True,
            is_verdict=True,
        ),
        Action.VERIFY_SITE: ActionKind(
            partial(verify_site.run, steps=steps, drivers=drivers),
            verify_site.STEPS,
            is_site_wide=True,
            is_free=True,
        ),
        Action.PREPARE_SITE: ActionKind(
            partial(prepare_site.run, steps=steps, drivers=drivers),
            prepare_site.STEPS,
            is_site_wide=True,
        ),
        Action.VERIFY_NODES: ActionKind(
            partial(verify_nodes.run, steps=steps, drivers=drivers, check=check, settings=settings),
            verify_nodes.STEPS,
        ),
        Action.ACCEPT_NODES: ActionKind(
            partial(
                verify_nodes.run,
                steps=steps,
                drivers=drivers,
                check=check,
                settings=settings,
                accepts=True,
            ),
            verify_nodes.STEPS,
        ),
        **{
            action: ActionKind(
                partial(
                    power_nodes.run, steps=steps, drivers=drivers, check=check, settings=settings
                ),
                (step,),
            )
            for action, step in power_nodes.STEPS.items()
        },
        Action.PREPARE_NODES: ActionKind(
            partial(
                prepare_nodes.run,
                steps=steps,
                drivers=drivers,
                check=check,
                first=first,
                settings=settings,
            ),
            prepare_nodes.STEPS,
        ),
        Action.DEPLOY_NODES: ActionKind(
            partial(
                deploy_nodes.run,
                steps=steps,
                drivers=drivers,
                deployments=deployments,
                first=first,
                check=check,
                settings=settings,
            ),
            deploy_nodes.STEPS,
        ),
        Action.DESTROY_NODES: ActionKind(
            partial(
                destroy_nodes.run,
                steps=steps,
                drivers=drivers,
                recorder=recorder,
                deployments=deployments,
                check=check,
                settings=settings,
            ),
            destroy_nodes.STEPS,
        ),
        Action.RELABEL_NODES: ActionKind(
            partial(relabel_nodes.run, steps=steps, drivers=drivers, settings=settings),
            relabel_nodes.STEPS,
        ),
        Action.NOOP: ActionKind(partial(noop.run, settings=settings), noop.STEPS),
    }
