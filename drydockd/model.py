"""What is recorded: tasks, messages, boot contexts, boot actions, build data. Pure data.

Everything here is immutable; an update makes a new value. Timestamps are text,
``2026-01-31T10:20:30.123456+00:00`` (UTC, always that shape, so text order is time order).
Source: contract, tasks and bootactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Timestamp = str


def timestamp(moment: datetime | None = None) -> Timestamp:
    """Return `moment` (default: now) as text: ISO 8601, UTC, microseconds, ``+00:00``."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")


class Action(StrEnum):
    """Every action name a task record may carry."""

    VALIDATE_DESIGN = "validate_design"
    VERIFY_SITE = "verify_site"
    PREPARE_SITE = "prepare_site"
    VERIFY_NODES = "verify_nodes"
    PREPARE_NODES = "prepare_nodes"
    DEPLOY_NODES = "deploy_nodes"
    DESTROY_NODES = "destroy_nodes"
    RELABEL_NODES = "relabel_nodes"
    # internal
    NOOP = "noop"
    BOOTACTION_REPORT = "bootaction_report"
    # out of band
    VALIDATE_OOB_SERVICES = "validate_oob_services"
    CONFIG_NODE_PXE = "config_node_pxe"
    SET_NODE_BOOT = "set_node_boot"
    POWER_OFF_NODE = "power_off_node"
    POWER_ON_NODE = "power_on_node"
    POWER_CYCLE_NODE = "power_cycle_node"
    INTERROGATE_OOB = "interrogate_oob"
    # node provisioner
    VALIDATE_NODE_SERVICES = "validate_node_services"
    CREATE_NETWORK_TEMPLATE = "create_network_template"
    CREATE_STORAGE_TEMPLATE = "create_storage_template"
    CREATE_BOOT_MEDIA = "create_boot_media"
    CONFIGURE_USER_CREDENTIALS = "configure_user_credentials"
    CONFIGURE_NODE_PROVISIONER = "configure_node_provisioner"
    PREPARE_HARDWARE_CONFIG = "prepare_hardware_config"
    IDENTIFY_NODE = "identify_node"
    CONFIGURE_HARDWARE = "configure_hardware"
    INTERROGATE_NODE = "interrogate_node"
    APPLY_NODE_NETWORKING = "apply_node_networking"
    APPLY_NODE_STORAGE = "apply_node_storage"
    APPLY_NODE_PLATFORM = "apply_node_platform"
    DEPLOY_NODE = "deploy_node"
    DESTROY_NODE = "destroy_node"
    # kubernetes
    RELABEL_NODE = "relabel_node"


API_ACTIONS = (
    Action.VALIDATE_DESIGN,
    Action.VERIFY_SITE,
    Action.PREPARE_SITE,
    Action.VERIFY_NODES,
    Action.PREPARE_NODES,
    Action.DEPLOY_NODES,
    Action.DESTROY_NODES,
    Action.RELABEL_NODES,
)
SITE_ACTIONS = (Action.VALIDATE_DESIGN, Action.VERIFY_SITE, Action.PREPARE_SITE)


class TaskStatus(StrEnum):
    """Life cycle of a task; contract, tasks, section 2."""

    REQUESTED = "requested"
    QUEUED = "queued"
    RUNNING = "running"
    TERMINATING = "terminating"
    TERMINATED = "terminated"
    COMPLETE = "complete"

    @property
    def is_final(self) -> bool:
        return self in (TaskStatus.TERMINATED, TaskStatus.COMPLETE)


class ResultStatus(StrEnum):
    """Outcome of a task so far; contract, tasks, section 3.1."""

    INCOMPLETE = "incomplete"
    SUCCESS = "success"
    PARTIAL_SUCCESS = "partial_success"
    FAILURE = "failure"


# The result's message of a task that was told to stop, matched on by clients.
TERMINATED = "Action terminated."


class BootActionStatus(StrEnum):
    INCOMPLETE = "incomplete"
    UNREPORTED = "unreported"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as authenticated; kept with the task so that its later steps act for them.

    `user` ... come from the user's token, `service_user` names the service that sent it.
    """

    user: str
    user_id: str = ""
    user_domain_id: str = ""
    project_id: str = ""
    project_domain_id: str = ""
    roles: tuple[str, ...] = ()
    is_admin_project: bool = False
    authenticated: bool = True
    service_user: str | None = None
    service_roles: tuple[str, ...] = ()
    request_id: str = ""
    external_marker: str = ""
    end_user: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    rel: str
    href: str


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of a task without its messages, which are records of their own."""

    status: ResultStatus = ResultStatus.INCOMPLETE
    message: str | None = None
    reason: str | None = None
    successes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """One task or subtask.

    `design` is the sha256 of the pinned document bytes (a blob in the store), empty until
    pinned; `scope` the node names it was created for, in design order (empty: site-wide);
    `node_filter` is kept as submitted. `retry_of`/`retried_by` link a retry and its origin.
    `deadline` is the wall-clock end of the step, kept over restarts.
    """

    task_id: str
    action: Action
    design_ref: str | None = None
    status: TaskStatus = TaskStatus.QUEUED
    result: Result = field(default_factory=Result)
    parent_task_id: str | None = None
    subtask_id_list: tuple[str, ...] = ()
    node_filter: Mapping[str, Any] | None = None
    scope: tuple[str, ...] = ()
    design: str = ""
    created: Timestamp = ""
    created_by: str | None = None
    updated: Timestamp = ""
    started: Timestamp | None = None
    deadline: Timestamp | None = None
    terminate: bool = False
    terminated: Timestamp | None = None
    terminated_by: str | None = None
    retry: int = 0
    retry_of: str | None = None
    retried_by: tuple[str, ...] = ()
    caller: Caller | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One status message of a task; `seq` counts from 1 within the task, given by the store."""

    task_id: str
    message: str
    error: bool = False
    context_type: str = "NA"
    context: str = "NA"
    ts: Timestamp = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0


@dataclass(frozen=True, slots=True)
class BootContext:
    """The current deployment of one node: which task, which design, since when.

    One per node, replaced by the next deployment. `context_id` enters the derivation of
    the node's key (architecture, decision 4), so a new context voids the old key. `closed`
    is set on destroy: nothing of it is served any more. `delivered` maps ``units``/``files``
    to the time the node first fetched them.
    """

    node: str
    context_id: str
    task_id: str
    design_ref: str
    design: str
    created: Timestamp
    closed: Timestamp | None = None
    delivered: Mapping[str, Timestamp] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BootAction:
    """State of one boot action in one boot context; `action_id` is an upper-case ULID.

    `closed` is set when a later deployment or a destroy supersedes it: no longer postable.
    """

    action_id: str
    node: str
    name: str
    task_id: str
    context_id: str
    status: BootActionStatus
    created: Timestamp
    updated: Timestamp = ""
    closed: Timestamp | None = None


@dataclass(frozen=True, slots=True)
class BuildData:
    """What was learnt about a node: lshw, lldp, install logs; many per node and generator."""

    node: str
    task_id: str
    collected: Timestamp
    generator: str
    data_format: str
    data_element: str
    build_data_id: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """A durable note written before a destructive driver call, and closed after it.

    `key` is ``<task id>/<node>/<operation>``; found open after a restart it says that the
    call may have happened, so the backend is asked before anything is repeated.
    """

    key: str
    task_id: str
    node: str
    operation: str
    opened: Timestamp
    closed: Timestamp | None = None
    outcome: str | None = None


Record = Task | Message | BootContext | BootAction | BuildData | Intent
