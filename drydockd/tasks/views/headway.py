"""How far a running task is: where its nodes are, from the records alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from drydockd.model import ResultStatus, Task
from drydockd.store.base import Store
from drydockd.tasks.steps.kinds import ActionKinds
from drydockd.tasks.words.requests import Headway

# So many records are looked at in one turn of the loop, 1 ms or less.
SLICE = 1000


async def headway(store: Store, kinds: ActionKinds, task: Task) -> Headway:
    """Return how many nodes of a top-level task passed all its steps, how many failed, and the
    step at work that the last of its nodes are in; None: none is, or each node has its own.

    Of a task that has ended it is what its result says.
    """
    if task.status.is_final:
        return Headway(len(task.scope), len(task.result.successes), len(task.result.failures))
    kind = kinds.get(task.action)
    last = kind.steps[-1] if kind and kind.steps else ""
    subtasks = store.subtasks(task.task_id)
    passed: set[str] = set()
    for number, ended in enumerate(_ends(store, task, subtasks, last), 1):
        if ended.result.status is ResultStatus.SUCCESS:
            passed.update(ended.scope)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    failed = await _failed(store, task)
    step = next((sub for sub in subtasks if not sub.status.is_final), None)
    action = step.action if step and step.action != task.action else None
    return Headway(len(task.scope), len(passed - failed), len(failed), action)


def _ends(store: Store, task: Task, subtasks: list[Task], last: str) -> Iterator[Task]:
    """The records that end a node's way: of the last step, or of its own preparation."""
    for sub in subtasks:
        if sub.action == task.action:
            yield sub
        elif sub.action == last:
            yield from (store.task(task_id) for task_id in store.subtask_ids(sub.task_id))


async def _failed(store: Store, task: Task) -> set[str]:
    """The nodes that the task was told have failed."""
    failed: set[str] = set()
    nodes = frozenset(task.scope)
    for after in range(0, store.message_count(task.task_id), SLICE):
        said = store.messages(task.task_id, after=after, limit=SLICE)
        failed.update(m.context for m in said if m.error and m.context in nodes)
        await asyncio.sleep(0)
    return failed
