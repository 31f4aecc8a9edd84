"""What a task would do, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydockd.design import nodefilter
from drydockd.drivers.base import Discovery
from drydockd.model import Action, Caller
from drydockd.site import Site
from drydockd.tasks.schedule.verdicts import Verdicts
from drydockd.tasks.steps.kinds import ActionKind
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.requests import DryRun, TaskRequest

if TYPE_CHECKING:
    from drydockd.design import Designs

BMC_ONLY = (
    Action.VERIFY_NODES,
    Action.ACCEPT_NODES,
    Action.POWER_ON_NODES,
    Action.POWER_OFF_NODES,
    Action.POWER_CYCLE_NODES,
)
NEEDS_OOB = (*BMC_ONLY, Action.PREPARE_NODES)
# Taken by prepare_nodes where the provisioner finds nodes by their network boot.
OUT_OF_BAND = (Action.SET_NODE_BOOT, Action.POWER_CYCLE_NODE)


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
        request.design_ref,
        marker=caller.external_marker,
        end_user=caller.end_user,
        owner=caller.user,
    )
    verdict = await verdicts.of(design)
    nodes: tuple[str, ...] = ()
    unmatched: dict[str, str | None] = {}
    if not kind.is_site_wide:
        wanted = nodefilter.parse(request.node_filter)
        nodes = nodefilter.select(design.site, wanted)
        # Of a design that cannot be used no node is known.
        unmatched = nodefilter.unmatched(design.site, wanted) if design.ok else {}
    enrols = request.action is Action.PREPARE_NODES and _enrols(drivers)
    each = tuple(s for s in kind.steps if s not in OUT_OF_BAND or not enrols)
    steps = dict.fromkeys(nodes, each) if not kind.is_site_wide else {"": each}
    return DryRun(
        action=request.action,
        design_ref=request.design_ref,
        nodes=nodes,
        steps=steps,
        findings=verdict.findings,
        notes=(
            *(nodefilter.unmatched_text(name, meant) for name, meant in unmatched.items()),
            *_notes(drivers, request.action, design.site, nodes),
        ),
        unmatched=unmatched,
    )


def _enrols(drivers: Drivers) -> bool:
    """Whether unknown nodes are prepared without touching their BMCs."""
    return drivers.node is not None and drivers.node.discovers is Discovery.ENROL


def _notes(drivers: Drivers, action: Action, site: Site, nodes: tuple[str, ...]) -> list[str]:
    notes = []
    needs_node_driver = action not in (
        Action.VALIDATE_DESIGN,
        *BMC_ONLY,
        Action.RELABEL_NODES,
        Action.NOOP,
    )
    if needs_node_driver and drivers.node is None:
        notes.append("No node driver enabled, the task would fail.")
    if action is Action.RELABEL_NODES and drivers.kubernetes is None:
        notes.append("No kubernetes driver enabled, the task would fail.")
    enrols = action is Action.PREPARE_NODES and _enrols(drivers)
    if action in NEEDS_OOB and not enrols:
        for name in nodes:
            oob_type = site.nodes[name].oob_type
            if drivers.oob_for(oob_type) is None:
                notes.append(f"Node {name} OOB type {oob_type} is not supported.")
    if action is Action.PREPARE_NODES and nodes:
        what = "Identification is" if enrols else "Out-of-band steps and identification are"
        notes.append(f"{what} taken only for nodes that the node provisioner does not know.")
    return notes
