"""What a task would do, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydockd.design import nodefilter
from drydockd.model import Action, Caller
from drydockd.site import Site
from drydockd.tasks.schedule.verdicts import Verdicts
from drydockd.tasks.steps.kinds import ActionKind
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.requests import DryRun, TaskRequest

if TYPE_CHECKING:
    from drydockd.design import Designs

NEEDS_OOB = (Action.VERIFY_NODES, Action.PREPARE_NODES)


async def dry_run(
    kind: ActionKind,
    designs: Designs,
    verdicts: Verdicts,
    drivers: Drivers,
    request: TaskRequest,
    caller: Caller,
) -> DryRun:
    """Return the plan. Reads the design and the provisioner's images; changes nothing.

    Raises SourceUnavailable when the design cannot be fetched now.
    """
    design = await designs.load(
        request.design_ref, marker=caller.external_marker, end_user=caller.end_user
    )
    findings = await verdicts.of(design)
    nodes: tuple[str, ...] = ()
    if not kind.is_site_wide:
        nodes = nodefilter.select(design.site, nodefilter.parse(request.node_filter))
    steps = dict.fromkeys(nodes, kind.steps) if not kind.is_site_wide else {"": kind.steps}
    return DryRun(
        action=request.action,
        design_ref=request.design_ref,
        nodes=nodes,
        steps=steps,
        findings=tuple(findings),
        notes=tuple(_notes(drivers, request.action, design.site, nodes)),
    )


def _notes(drivers: Drivers, action: Action, site: Site, nodes: tuple[str, ...]) -> list[str]:
    notes = []
    needs_node_driver = action not in (
        Action.VALIDATE_DESIGN,
        Action.VERIFY_NODES,
        Action.RELABEL_NODES,
        Action.NOOP,
    )
    if needs_node_driver and drivers.node is None:
        notes.append("No node driver enabled, the task would fail.")
    if action is Action.RELABEL_NODES and drivers.kubernetes is None:
        notes.append("No kubernetes driver enabled, the task would fail.")
    if action in NEEDS_OOB:
        for name in nodes:
            oob_type = site.nodes[name].oob_type
            if drivers.oob_for(oob_type) is None:
                notes.append(f"Node {name} OOB type {oob_type} is not supported.")
    if action is Action.PREPARE_NODES and nodes:
        notes.append(
            "Out-of-band steps and identification are taken only for nodes that the node "
            "provisioner does not know."
        )
    return notes
