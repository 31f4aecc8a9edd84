"""What is known about one node right now, and what it waits for."""

from __future__ import annotations

from drydockd.drivers.base import NodeRow
from drydockd.errors import DrydockError, NotFound
from drydockd.model import Task, TaskStatus
from drydockd.tasks.core import Core
from drydockd.tasks.schedule.scheduler import Scheduler
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.words.requests import NodeView


async def node_view(core: Core, scheduler: Scheduler, host: str) -> NodeView:
    """Return the view. Raises NotFound when neither a record nor the provisioner knows `host`."""
    row, row_error = await _row(core, host)
    store = core.store
    open_tasks = [t for t in store.tasks(node=host) if not t.status.is_final]
    task = next((t for t in open_tasks if t.parent_task_id is None), None)
    step = open_tasks[-1] if open_tasks else None
    context = core.deployments.current(host)
    rows = core.deployments.rows(context) if context else []
    is_known = row is not None or context is not None or bool(open_tasks)
    if not is_known and not store.tasks(node=host, limit=1) and row_error is None:
        raise NotFound(f"Node {host} is known neither to a task nor to the node provisioner")
    return NodeView(
        node=host,
        row=row,
        row_error=row_error,
        task=task,
        step=step,
        waiting_for=_waiting_for(core, scheduler, step),
        since=(step.started or step.created) if step else None,
        until=step.deadline if step else None,
        last_contact=core.deployments.last_contact(host),
        context=context,
        boot_actions=tuple(rows),
    )


async def _row(core: Core, host: str) -> tuple[NodeRow | None, str | None]:
    if core.drivers.node is None:
        return None, "No node driver enabled."
    try:
        rows = await bounded(
            core.drivers.node.list_nodes(), core.settings.view_timeout, name=f"view {host}"
        )
    except LimitPassed:
        return None, f"no answer of the node provisioner in {core.settings.view_timeout:g} s"
    except DrydockError as error:
        return None, str(error)
    return next((row for row in rows if row.hostname == host), None), None


def _waiting_for(core: Core, scheduler: Scheduler, step: Task | None) -> str | None:
    if step is None:
        return None
    run = core.runs.get(step.task_id)
    if run is not None:
        seen = f"; last seen: {run.last_seen}" if run.last_seen else ""
        return f"{run.waiting_for or 'the provisioner'}{seen}"
    if step.status is TaskStatus.REQUESTED:
        return "its turn: the limit of nodes at work at once is reached"
    blocker = scheduler.claims.blocker(step.task_id)
    if blocker is not None:
        return scheduler.describe(blocker)
    if step.status is TaskStatus.QUEUED:
        # Without nodes in its record its design is not known yet.
        is_full = "its turn: as many tasks run as the limit allows"
        return is_full if step.design else "its design to be loaded"
    return "the next step"
