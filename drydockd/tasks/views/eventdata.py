"""What events say: the data of each kind, from the record that changed."""

from __future__ import annotations

from drydockd.errors import NotFound
from drydockd.model import BootAction, Message, Task
from drydockd.store.base import Store


def task_kind(store: Store, task: Task) -> str:
    """Return ``node`` for a node's own record of a step, ``state`` for every other task."""
    return "node" if len(task.scope) == 1 and _has_twin_parent(store, task) else "state"


def _has_twin_parent(store: Store, task: Task) -> bool:
    """A node's own record: its parent is the step (or the preparation) it belongs to."""
    try:
        parent = store.task(task.parent_task_id or "")
    except NotFound:
        return False
    return parent.action == task.action


def message_data(message: Message) -> dict[str, object]:
    return {
        "task_id": message.task_id,
        "seq": message.seq,
        "message": message.message,
        "error": message.error,
        "context_type": message.context_type,
        "context": message.context,
        "ts": message.ts,
        "extra": dict(message.extra),
    }


def boot_action_data(action: BootAction) -> dict[str, object]:
    return {
        "action_id": action.action_id,
        "action_name": action.name,
        "node": action.node,
        "task_id": action.task_id,
        "status": action.status.value,
        "updated": action.updated or action.created,
    }


def task_data(task: Task) -> dict[str, object]:
    data: dict[str, object] = {
        "task_id": task.task_id,
        "parent_task_id": task.parent_task_id,
        "action": task.action.value,
        "status": task.status.value,
        "result": task.result.status.value,
        "retry": task.retry,
        "started": task.started,
        "deadline": task.deadline,
        "updated": task.updated,
    }
    if len(task.scope) == 1:
        data["node"] = task.scope[0]
    else:
        data["nodes"] = len(task.scope)
    return data
