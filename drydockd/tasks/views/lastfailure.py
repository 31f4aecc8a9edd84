"""What became of a node in the last task that worked on it, from the records alone."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.errors import NotFound
from drydockd.model import Action, ResultStatus, Task
from drydockd.store.base import Store
from drydockd.tasks.words import results, states
from drydockd.tasks.words.messages import NEVER_FETCHED, NEVER_REPORTED, UNRENDERED, UNTOUCHED
from drydockd.tasks.words.requests import NodeLast

# So many errors of a task that failed as a whole are named as its cause.
MOST_ERRORS = 3

# Part of a cause -> what to do then; the first that is found counts.
BY_CAUSE = {
    UNTOUCHED: "correct the boot action, or see that its source answers and the disk has room",
    UNRENDERED: "see what the message names; then destroy the node and deploy it again",
    NEVER_FETCHED: "see at its console whether the node boots from its disk, and whether it"
    " reaches `api.public_url`; then deploy it again",
    NEVER_REPORTED: "read the log of the boot action on the node; see whether it reaches"
    " `bootactions.report_url`; then deploy it again",
    "The node said": "mend on the node or in the boot action what the node names",
    "run prepare_nodes first": "create a task prepare_nodes for the node, then this one again",
    "cannot be proven": "look at the machine and the provisioner; destroy the node, then deploy"
    " it again",
    "failed unexpectedly": "read the daemon's log at the time of the failure",
}

BY_STEP = {
    Action.SET_NODE_BOOT: "try the BMC at its address with the account of the design",
    Action.POWER_CYCLE_NODE: "try the BMC at its address with the account of the design",
    Action.INTERROGATE_OOB: "try the BMC at its address with the account of the design",
    Action.IDENTIFY_NODE: "see at its console whether the node boots from the network, and"
    " whether the provisioner sees it",
    Action.CONFIGURE_HARDWARE: "read the provisioner's log of the commissioning",
    Action.APPLY_NODE_NETWORKING: "compare the node's interfaces and addresses in the design with"
    " its build data",
    Action.APPLY_NODE_STORAGE: "compare the node's disks in the design with its build data",
    Action.APPLY_NODE_PLATFORM: "compare image, kernel and tags in the design with what the"
    " provisioner offers",
    Action.DEPLOY_NODE: "read the provisioner's log of the deployment and the node's console",
    Action.BOOTACTION_REPORT: "read the log of the boot action on the node",
    Action.RELABEL_NODE: "see whether the cluster knows the node by its name",
    Action.DESTROY_NODE: "look at the node in the provisioner, which keeps what could not be wiped",
}
OTHERWISE = "read the messages of the task"


def last_of(store: Store, host: str) -> NodeLast | None:
    """Return how the last task that began with the node went; None if there is none."""
    root: Task | None = None
    for task in store.newest_on(host):
        root = _root(store, task)
        if root is not None and root.status not in states.WAITING:
            break
    else:
        return None
    failed = next(_attempts(store, root, host), None)
    if failed is not None and failed.result.status not in results.BAD:
        failed = None
    if not root.status.is_final:
        is_bad = failed is not None
        outcome = ResultStatus.FAILURE if is_bad else None
    else:
        is_bad = host in root.result.failures
        outcome = ResultStatus.FAILURE if is_bad else ResultStatus.SUCCESS
    if not is_bad:
        return NodeLast(root, outcome)
    cause = (failed.result.message if failed else None) or _whole(store, root)
    return NodeLast(root, outcome, failed, cause, _remedy(root, failed, cause))


def _root(store: Store, task: Task) -> Task | None:
    """Return the top-level task of `task`; None if it is gone."""
    try:
        while task.parent_task_id is not None:
            task = store.task(task.parent_task_id)
    except NotFound:
        return None
    return task


def _attempts(store: Store, root: Task, host: str) -> Iterator[Task]:
    """The node's own attempts in the task, the newest first, the one under way left out."""
    for task in store.newest_on(host):
        if task.created < root.created:
            return
        is_leaf = task.scope == (host,) and not store.subtask_ids(task.task_id)
        if task.parent_task_id is None or not is_leaf:
            continue
        mine = _root(store, task)
        if mine is not None and mine.task_id == root.task_id:
            yield task


def _whole(store: Store, root: Task) -> str | None:
    """Why the task failed for everybody: its own message and its first errors."""
    said = [m.message for m in store.messages(root.task_id) if m.error]
    parts = [root.result.message or "", *said[:MOST_ERRORS]]
    return " ".join(dict.fromkeys(filter(None, parts))) or None


def _remedy(root: Task, failed: Task | None, cause: str | None) -> str:
    found = next((do for part, do in BY_CAUSE.items() if part in (cause or "")), None)
    if found is None and failed is not None:
        found = BY_STEP.get(failed.action)
    return f"{found or OTHERWISE}; `drydock task retry -t {root.task_id}` takes up what failed"
