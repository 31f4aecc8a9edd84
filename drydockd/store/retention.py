"""Which records a retention run removes: finished trees only, whole ones only."""

from __future__ import annotations

from drydockd.model import BootAction, Intent, Task, Timestamp
from drydockd.store.base import Purged, Remove
from drydockd.store.tables import Tables


def plan_purge(tables: Tables, before: Timestamp) -> tuple[list[Remove], Purged]:
    """Return the removals for `before`, and their numbers. Source: contract, tasks, section 7.

    A tree goes if its root was created before `before` and all its members are final. A task
    whose parent is gone is a root. Boot actions of the node's current context stay.
    """
    removals: list[Remove] = []
    tasks = messages = boot_actions = 0
    for root in tables.all_tasks.before(before):
        if tables.tasks[root].parent_task_id in tables.tasks:
            continue
        tree = _tree(tables, root)
        if not all(tables.tasks[task_id].status.is_final for task_id in tree):
            continue
        for task_id in tree:
            removals.append(Remove(Task, task_id))
            tasks += 1
            log = tables.logs.get(task_id)
            messages += len(log.tails) if log else 0
            superseded = _superseded_boot_actions(tables, task_id)
            boot_actions += len(superseded)
            removals += [Remove(BootAction, action_id) for action_id in superseded]
            removals += [Remove(Intent, key) for key in tables.intents_by_task.get(task_id, ())]
    return removals, Purged(tasks=tasks, messages=messages, boot_actions=boot_actions)


def _tree(tables: Tables, root: str) -> list[str]:
    tree = [root]
    for task_id in tree:  # grows while it is walked
        tree += tables.children.get(task_id, ())
    return tree


def _superseded_boot_actions(tables: Tables, task_id: str) -> list[str]:
    gone = []
    for action_id in tables.actions_by_task.get(task_id, ()):
        action = tables.boot_actions[action_id]
        current = tables.boot_contexts.get(action.node)
        if current is None or current.context_id != action.context_id:
            gone.append(action_id)
    return gone
