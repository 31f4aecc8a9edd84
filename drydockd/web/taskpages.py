"""Tasks to look at: the list, one task with its tree and its log, one step of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from drydockd import errors
from drydockd import log as logs
from drydockd.handlers import body
from drydockd.handlers.routing import Route
from drydockd.handlers.services import Services
from drydockd.handlers.tasks import ACTION, STATUS, canonical
from drydockd.model import API_ACTIONS, Task, TaskStatus, timestamp
from drydockd.tasks import Headway, TooSlow
from drydockd.web import commands
from drydockd.web.dashboard import Dashboard
from drydockd.web.page import PageHandler
from drydockd.web.tasktree import State, state_of
from drydockd.web.taskwatch import TaskWatch
from drydockd.web.taskwatches import TaskWatches

# So many tasks are on one page of the list, so many messages in a page that was just opened.
LISTED = 50
OPENED = 500
# So many messages on a page of what was said before.
EARLIER = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """A task in the list."""

    task: Task
    state: State
    headway: Headway


class OfTaskPages(PageHandler):
    """What the pages of tasks share."""

    def initialize(  # type: ignore[override]
        self, services: Services, route: Route, dashboard: Dashboard, watches: TaskWatches
    ) -> None:
        super().initialize(services, route, dashboard)
        self.watches = watches

    def root_of(self, task_id: str) -> Task:
        """Return the top-level task of the one a path names. Raises NotFound."""
        logs.bind_here(task=task_id)
        store = self.services.store
        try:
            task = store.task(canonical(task_id))
            while task.parent_task_id is not None:
                task = store.task(task.parent_task_id)
        except errors.NotFound:
            raise errors.NotFound(
                f"Task {task_id} does not exist; it may have been purged: ended tasks are kept "
                "for a time (store.retention_days)"
            ) from None
        return task

    def path_of(self, task: Task, rest: str = "") -> str:
        return f"{self.dashboard.base}/tasks/{task.task_id}{rest}"

    async def newest(self, count: int, **wanted: Any) -> list[Task]:
        """Return up to `count` top-level tasks, the newest first, narrowed as by the store.

        Of many that are passed over, others have their turn in between.
        """
        found: list[Task] = []
        walk = self.services.store.walk_tasks(
            limit=count, top_level=True, newest_first=True, **wanted
        )
        for tasks in walk:
            found += tasks
            await self.services.slices.turn(self.holder)
        return found

    async def watch_of(self, task: Task) -> TaskWatch:
        """Return the watch of the task. Raises Unavailable when its events come too fast."""
        try:
            return await self.watches.of(task, self.services)
        except TooSlow as error:
            raise errors.Unavailable(f"The task cannot be shown now, try again: {error}") from None

    @property
    def url(self) -> str:
        """Where the caller reaches the daemon."""
        return f"{self.request.protocol}://{self.request.host}"

    def buttons(self, task: Task) -> dict[str, bool]:
        """Return which buttons the caller is offered for the task as it is now."""
        result = task.result
        has_failed = bool(result.failures) or not (result.successes or result.status == "success")
        may_act = task.action in API_ACTIONS and self.may("create_task", task.action)
        return {
            "can_stop": not task.status.is_final
            and not task.terminate
            and self.may("terminate_task"),
            "can_retry": task.status.is_final and has_failed and may_act,
        }


class TaskListPage(OfTaskPages):
    """The top-level tasks, the newest first; what is filtered stands in the address."""

    policy: ClassVar = {"GET": "read_task"}
    about: ClassVar = {"GET": "the tasks, the newest first"}
    parameters: ClassVar = {"GET": ("status", "action", "node", "marker")}

    async def get(self) -> None:
        asked = {name: self.query(name) or "" for name in ("status", "action", "node", "marker")}
        try:
            found = await self.newest(
                LISTED + 1,
                status=STATUS.read(asked["status"]) if asked["status"] else None,
                action=ACTION.read(asked["action"]) if asked["action"] else None,
                node=asked["node"] or None,
                after=canonical(asked["marker"]) if asked["marker"] else None,
            )
        except errors.NotFound:
            raise errors.InvalidInput(
                f"marker: no task {body.shown(asked['marker'])}; begin with the newest"
            ) from None
        rows = [await self._row(task) for task in found[:LISTED]]
        self.render_page(
            "tasks.html",
            title="Tasks",
            rows=rows,
            asked=asked,
            actions=API_ACTIONS,
            statuses=list(TaskStatus),
            next_marker=found[LISTED - 1].task_id if len(found) > LISTED else "",
        )

    async def _row(self, task: Task) -> Row:
        headway = await self.services.tasks.headway(task)
        return Row(task, state_of(task.status, task.result.status), headway)


class TaskPage(OfTaskPages):
    """One task, live; `node`: what concerns this node; `before`: what was said before that."""

    policy: ClassVar = {"GET": "read_task"}
    about: ClassVar = {"GET": "one task: its steps, why nodes failed, what is said, live"}
    parameters: ClassVar = {"GET": ("node", "before")}

    async def get(self, task_id: str) -> None:
        task = self.root_of(task_id)
        node, text = self.query("node") or None, self.query("before")
        before = None if text is None else body.integer("before", text, 1, 1_000_000_000)
        watch = await self.watch_of(task)
        if node is not None and node not in task.scope and not watch.knows(node):
            raise errors.NotFound(f"Node {body.shown(node)} is not in this task")
        shown = await watch.shown(node, before, OPENED if before is None else EARLIER)
        task = self.services.store.task(task.task_id)
        self.render_page(
            "task.html",
            title=f"{task.action} {task.task_id[:8]}",
            task=task,
            shown=shown,
            node=node,
            is_live=before is None and not shown.is_over,
            before=before,
            lines=commands.show(task.task_id, self.url),
            **self.buttons(task),
        )


class TaskButtons(OfTaskPages):
    """What may be done with a task now: a part of its page, asked for when the task has ended."""

    policy: ClassVar = {"GET": "read_task"}
    about: ClassVar = {"GET": "the buttons of a task's page"}

    async def get(self, task_id: str) -> None:
        task = self.root_of(task_id)
        self.render_page("task_buttons.html", task=task, **self.buttons(task))

    def _ask_to_log_in(self) -> None:
        """Say so and no more: the page itself stays what it is."""
        self.set_status(401)
        self.finish("Log in first")


class StepPage(OfTaskPages):
    """All nodes of one step, as of now."""

    policy: ClassVar = {"GET": "read_task"}
    about: ClassVar = {"GET": "all nodes of one step of a task"}

    async def get(self, task_id: str, action: str) -> None:
        task = self.root_of(task_id)
        watch = await self.watch_of(task)
        step = watch.tree.steps.get(action)
        if step is None:
            raise errors.NotFound(f"Task {task.task_id} has no step {body.shown(action)} (yet)")
        await self.render_long(
            "task_step.html",
            title=f"{action} of {task.action} {task.task_id[:8]}",
            task=task,
            step=step,
            records=step.shown(len(step.nodes), len(step.nodes)),
            now=timestamp(),
        )
