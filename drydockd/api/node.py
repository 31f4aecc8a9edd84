"""Nodes: those of the provisioner, and what is known of one now."""

from __future__ import annotations

from drydockd.api.base import Answer
from drydockd.api.states import BootActionStatus, ResultStatus


class Node(Answer):
    """A node as the provisioner knows it; `memory` in MiB. Source: contract, api, section 5.

    `power_seen`: when `power_state` was last seen to be so; missing: it is of now, or unknown.
    """

    hostname: str
    memory: int
    cpu_count: int
    status_name: str
    boot_mac: str | None
    boot_ip: str | None
    power_state: str
    power_address: str | None
    power_seen: str | None = None


class NodeBootData(Answer):
    """The current deployment of a node; `delivered`: ``units``, ``files`` -> first fetched."""

    task_id: str
    created: str
    closed: str | None
    delivered: dict[str, str]


class NodeBootAction(Answer):
    action_id: str
    action_name: str
    status: BootActionStatus
    task_id: str
    updated: str


class NodeLast(Answer):
    """What became of a node in the last task that worked on it, kept until the next one.

    `outcome` is ``success`` or ``failure``, null while that is open; `step`, `cause` and
    `remedy` (what to do) are of a failure, `step` null where the task failed as a whole.
    """

    task_id: str
    action: str
    ended: str | None
    outcome: ResultStatus | None
    step: str | None
    step_task_id: str | None
    cause: str | None
    remedy: str | None


class NodeView(Answer):
    """One node, now: what it waits for, since when, until when.

    `provisioner` is null with the reason in `provisioner_error`, or when the node is not known
    there. `waiting_for`, `since` and `until` belong to `step`, the innermost unfinished one.
    """

    hostname: str
    provisioner: Node | None
    provisioner_error: str | None
    task_id: str | None
    action: str | None
    step: str | None
    step_task_id: str | None
    waiting_for: str | None
    since: str | None
    until: str | None
    last_contact: str | None
    boot_data: NodeBootData | None
    boot_actions: list[NodeBootAction]
    # None of a server that does not tell.
    last: NodeLast | None = None
