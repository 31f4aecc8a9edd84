"""What each top-level action does: one file per action, and the driver steps they share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

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
from drydockd.tasks.steps.job import Job


@dataclass(frozen=True)
class ActionKind:
    """`run` does the action, `steps` are its driver steps in order.

    `is_site_wide`: it has no nodes. `is_free`: it touches nothing and runs beside anything.
    """

    run: Callable[[Job], Awaitable[Result]]
    steps: tuple[str, ...]
    is_site_wide: bool = False
    is_free: bool = False


ACTIONS: Mapping[Action, ActionKind] = {
    Action.VALIDATE_DESIGN: ActionKind(
        validate_design.run, validate_design.STEPS, is_site_wide=True, is_free=True
    ),
    Action.VERIFY_SITE: ActionKind(verify_site.run, verify_site.STEPS, is_site_wide=True),
    Action.PREPARE_SITE: ActionKind(prepare_site.run, prepare_site.STEPS, is_site_wide=True),
    Action.VERIFY_NODES: ActionKind(verify_nodes.run, verify_nodes.STEPS),
    Action.PREPARE_NODES: ActionKind(prepare_nodes.run, prepare_nodes.STEPS),
    Action.DEPLOY_NODES: ActionKind(deploy_nodes.run, deploy_nodes.STEPS),
    Action.DESTROY_NODES: ActionKind(destroy_nodes.run, destroy_nodes.STEPS),
    Action.RELABEL_NODES: ActionKind(relabel_nodes.run, relabel_nodes.STEPS),
    Action.NOOP: ActionKind(noop.run, noop.STEPS),
}
