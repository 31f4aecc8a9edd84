"""What goes into the tasks part and what comes out besides tasks themselves. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.drivers.base import NodeRow
from drydockd.model import Action, BootAction, BootContext, ResultStatus, Task, Timestamp
from drydockd.site import Finding


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A task to create. `node_filter` is as submitted; None means every node.

    What destroys, cuts power or accepts hardware is refused without a filter unless `all_nodes` is
    true.
    """

    action: Action
    design_ref: str
    node_filter: Mapping[str, object] | None = None
    all_nodes: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a task would do: the nodes, the steps of each, and whether the design is valid.

    `steps` maps each node to its step names in order; site-wide steps are under ``""``.
    `notes` says what will fail before it starts, such as an OOB type without a driver.
    `unmatched`: names in the filter that no node has -> the nearest that one has.
    """

    action: Action
    design_ref: str
    nodes: tuple[str, ...]
    steps: Mapping[str, tuple[str, ...]]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    unmatched: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        return not any(finding.error for finding in self.findings)


@dataclass(frozen=True, slots=True)
class NodeLast:
    """What became of a node in the last task that worked on it.

    `outcome` is None while that is open. `step` is the step that failed, None where the task
    as a whole did; `cause` is why and `remedy` what to do then.
    """

    task: Task
    outcome: ResultStatus | None = None
    step: Task | None = None
    cause: str | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class FailedNodes:
    """The nodes that failed in one task, at one step (empty: as a whole), for one cause."""

    task_id: str
    action: Action
    step: str
    cause: str
    remedy: str
    nodes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Headway:
    """How far a task is: of `nodes` so many `passed` all its steps, so many `failed`.

    `step`: the first step that some of its nodes are still in.
    """

    nodes: int
    passed: int
    failed: int
    step: Action | None = None


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node, now: so that "stuck" always has an answer.

    `row` is what the provisioner says (None with the reason in `row_error`, or when it does
    not know the node). `task` is the unfinished task that concerns the node, `step` its
    innermost record for this node; `waiting_for`, `since` and `until` belong to the step.
    """

    node: str
    row: NodeRow | None = None
    row_error: str | None = None
    task: Task | None = None
    step: Task | None = None
    waiting_for: str | None = None
    since: Timestamp | None = None
    until: Timestamp | None = None
    last_contact: Timestamp | None = None
    context: BootContext | None = None
    boot_actions: tuple[BootAction, ...] = field(default=())
    last: NodeLast | None = None


@dataclass(frozen=True, slots=True)
class Machines:
    """Every node that a task or the provisioner knows, by name.

    `failed`: those whose last task failed for them, by cause; `trouble`: why the provisioner did
    not answer.
    """

    views: tuple[NodeView, ...] = ()
    failed: tuple[FailedNodes, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a task tree, or of everything: `kind` is one of ``api.event.KINDS``.

    `id` never goes back from event to event, over restarts too. After a resume an event may be sent
    again, never lost; messages carry their task and seq, states replace earlier ones.
    """

    id: int | str
    kind: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; what is empty is no restriction.

    `nodes`: of tasks, messages and boot actions that concern one of them. `task_id`: of that task
    and all below it. `kinds`: some of ``api.event.CHOICES``.
    """

    kinds: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    task_id: str = ""
