"""Which nodes are failed now, grouped by why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from drydockd.api.cause import of_any_node
from drydockd.model import ResultStatus
from drydockd.store.base import Store
from drydockd.tasks.views.lastfailure import last_of
from drydockd.tasks.words.requests import FailedNodes, NodeLast

# So many nodes are looked at in one turn of the loop, some milliseconds.
SLICE = 100


async def failed_nodes(store: Store) -> list[FailedNodes]:
    """Return the nodes whose last task failed for them; see `by_cause`."""
    found = []
    for number, host in enumerate(store.nodes_of_tasks(), 1):
        if number % SLICE == 0:
            await asyncio.sleep(0)
        found.append((host, last_of(store, host)))
    return by_cause(found)


def by_cause(nodes: Iterable[tuple[str, NodeLast | None]]) -> list[FailedNodes]:
    """Return which of `nodes` failed last, grouped by why, the cause with most nodes first.

    A cause is one whatever node, time, task or address stands in it; it is shown as the first
    node had it.
    """
    found: dict[tuple[str, str, str], FailedNodes] = {}
    for host, last in nodes:
        if last is None or last.outcome is not ResultStatus.FAILURE:
            continue
        step = last.step.action.value if last.step else ""
        cause = last.cause or ""
        key = (last.task.task_id, step, of_any_node(cause, host))
        known = found.get(key)
        if known is None:
            known = FailedNodes(last.task.task_id, last.task.action, step, cause, last.remedy or "")
            found[key] = known
        known.nodes.append(host)
    return sorted(found.values(), key=lambda one: -len(one.nodes))
