"""What is known about one node right now, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drydockd.drivers.base import NodeProvisioner, NodeRow
from drydockd.errors import DrydockError, NotFound
from drydockd.model import Task, TaskStatus
from drydockd.store.base import Store
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.views.lastfailure import last_of
from drydockd.tasks.views.waits import Waits, Words
from drydockd.tasks.words import states
from drydockd.tasks.words.requests import NodeView

OPEN = [status for status in TaskStatus if not status.is_final]


@dataclass(frozen=True)
class NodeViews:
    """Answers what is up with a node."""

    store: Store
    provisioner: NodeProvisioner | None
    deployments: Deployments
    waits: Waits
    timeout_seconds: float

    async def of(self, host: str) -> NodeView:
        """Return the view. Raises NotFound when neither a record nor the provisioner knows it."""
        rows, row_error = await self.rows()
        row = next((row for row in rows if row.hostname == host), None)
        view = self.now(host, row, row_error)
        if view.step is not None and self.waits.are_elsewhere:
            words = await self.waits.words(view.step.task_id)
            view = self.now(host, row, row_error, words)
        is_known = view.row is not None or view.context is not None or view.task is not None
        if not is_known and not self.store.tasks(node=host, limit=1) and row_error is None:
            raise NotFound(f"Node {host} is known neither to a task nor to the node provisioner")
        return view

    def now(
        self, host: str, row: NodeRow | None, row_error: str | None, words: Words | None = None
    ) -> NodeView:
        """Return the view of a node of which the provisioner says `row`.

        `words` say what its step waits for; None: as this daemon knows it.
        """
        open_tasks = self._open_tasks(host)
        task = self._first(open_tasks)
        step = _innermost(task, open_tasks) if task else None
        context = self.deployments.current(host)
        return NodeView(
            node=host,
            row=row,
            row_error=row_error,
            task=task,
            step=step,
            waiting_for=(words or self.waits.here)(step) if step else None,
            since=(step.started or step.created) if step else None,
            until=step.deadline if step else None,
            last_contact=self.deployments.last_contact(host),
            context=context,
            boot_actions=tuple(self.deployments.rows(context)) if context else (),
            last=last_of(self.store, host),
        )

    def _open_tasks(self, host: str) -> list[Task]:
        """Those of every level that name the node; its history is not looked through."""
        tasks = self.store.tasks
        return [task for status in OPEN for task in tasks(node=host, status=status)]

    def _first(self, open_tasks: Sequence[Task]) -> Task | None:
        """The top-level task at work on the node, or else whose turn it is next."""
        tops = [task for task in open_tasks if task.parent_task_id is None]
        return min(tops, key=self._turn, default=None)

    def _turn(self, task: Task) -> tuple[bool, int, str]:
        is_waiting = task.status in states.WAITING
        return (is_waiting, self.store.arrival(task.task_id), task.task_id)

    async def rows(self) -> tuple[Sequence[NodeRow], str | None]:
        """Return what the provisioner lists, or nothing and why it does not answer."""
        if self.provisioner is None:
            return (), "No node driver enabled."
        try:
            rows = await bounded(
                self.provisioner.list_nodes(), self.timeout_seconds, name="view of nodes"
            )
        except LimitPassed:
            return (), f"no answer of the node provisioner in {self.timeout_seconds:g} s"
        except DrydockError as error:
            return (), str(error)
        return rows, None


def _innermost(task: Task, open_tasks: Sequence[Task]) -> Task:
    """What of the task is going on for the node: its step's subtask, if there is one."""
    parents = {open_task.parent_task_id for open_task in open_tasks}
    below: dict[str | None, Task] = {}
    for found in open_tasks:
        known = below.get(found.parent_task_id)
        # A step also names those who may still come to it; where the node is, it has a record.
        if known is None or found.task_id in parents or known.task_id not in parents:
            below[found.parent_task_id] = found
    while task.task_id in below:
        task = below[task.task_id]
    return task
