"""tasks: list, create, purge, show, watch, cancel, retry."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from drydockd import errors
from drydockd import log as logs
from drydockd.api.dryrun import DryRun as DryRunAnswer
from drydockd.api.task import Purged
from drydockd.api.task import Task as TaskAnswer
from drydockd.api.task import TaskRequest as TaskBody
from drydockd.auth.audit import Event
from drydockd.design.validate import finding_json
from drydockd.handlers import body, parameters
from drydockd.handlers.base import BaseHandler
from drydockd.model import Action, Task, TaskStatus, timestamp
from drydockd.tasks import DryRun, TaskRequest

DEFAULT_DAYS = 90
MOST_DAYS = 36_500
MOST_TASKS = 100_000


class Order(StrEnum):
    """Which task of a list comes first."""

    OLDEST = "oldest"
    NEWEST = "newest"


STATUS = parameters.word("status", "only tasks in this state", TaskStatus)
ACTION = parameters.word("action", "only tasks of this action", Action)
NODE = parameters.text("node", "only tasks that are for this node")
LIMIT = parameters.number("limit", "so many at most", 1, MOST_TASKS)
MARKER = parameters.text("marker", "go on behind this task, the last one of the page before")
TOP_LEVEL = parameters.flag("top_level", "without the subtasks")
ORDER = parameters.word("order", "which comes first; `oldest` without it", Order)
DAYS = parameters.number(
    "days", f"only what ended so many days ago; {DEFAULT_DAYS} without it", 0, MOST_DAYS
)


class OfTasks(BaseHandler):
    """What the routes of tasks share."""

    def created(self, task: Task) -> None:
        self.set_header("Location", f"/api/v1.0/tasks/{task.task_id}")
        self.reply_bytes(self.services.views.encoded(task), 201)

    def audit(self, event: Event, task: Task, description: str) -> None:
        self.services.audit.record(
            event,
            self.caller.user,
            task.task_id,
            remote=self.remote,
            request_id=self.request_id,
            description=description,
        )

    def task_of(self, task_id: str) -> Task:
        """Return the task a path names. Raises NotFound, also for what is no id."""
        logs.bind_here(task=task_id)
        try:
            return self.services.store.task(canonical(task_id))
        except errors.NotFound:
            raise errors.NotFound(f"Task {task_id} does not exist") from None


class TasksHandler(OfTasks):
    policy: ClassVar = {"GET": "read_task", "POST": "create_task", "DELETE": "delete_tasks"}
    names: ClassVar = {"GET": "get_tasks", "POST": "create_task", "DELETE": "delete_tasks"}
    about: ClassVar = {
        "GET": "tasks with their subtasks, the oldest first; narrowed, in pages, or `newest` first",
        "POST": "201, a new [task](tasks.md); the action's own rule is asked too",
        "DELETE": "how much was purged: ended tasks older than `days` (90)",
    }
    parameters: ClassVar = {
        "GET": (STATUS, ACTION, NODE, LIMIT, MARKER, TOP_LEVEL, ORDER),
        "DELETE": (DAYS,),
    }
    bodies: ClassVar = {"POST": TaskBody}
    answers: ClassVar = {
        ("GET", 200): list[TaskAnswer],
        ("POST", 201): TaskAnswer,
        ("POST", 200): DryRunAnswer,
        ("DELETE", 200): Purged,
    }

    async def get(self) -> None:
        marker = self.given(MARKER)
        try:
            found = self.services.store.walk_tasks(
                status=self.given(STATUS),
                action=self.given(ACTION),
                node=self.given(NODE),
                after=canonical(marker) if marker is not None else None,
                limit=self.given(LIMIT),
                top_level=bool(self.given(TOP_LEVEL)),
                newest_first=self.given(ORDER) is Order.NEWEST,
            )
        except errors.NotFound:
            raise errors.InvalidInput(f"marker: no task {body.shown(marker or '')}") from None
        await self.reply_parts(self.services.views.listed(found))

    async def post(self) -> None:
        asked = self.parse(TaskBody)
        self.require(asked.action)
        request = TaskRequest(
            asked.action, asked.design_ref, asked.node_filter, asked.all_nodes, asked.dry_run
        )
        made = await self.services.tasks.submit(request, self.caller)
        if isinstance(made, DryRun):
            self.reply(dry_run_json(made))
            return
        self.audit(Event.SENSITIVE_CREATE, made, f"task {made.action}")
        self.created(made)

    async def delete(self) -> None:
        # The original's client says "None" when it was given no number.
        is_given = self.query(DAYS) not in (None, "", "None")
        days = self.given(DAYS) if is_given else None
        days = DEFAULT_DAYS if days is None else days
        before = timestamp(datetime.now(UTC) - timedelta(days=days))
        purged = await self.services.store.purge_tasks(before=before)
        self.services.audit.record(
            Event.SENSITIVE_DELETE,
            self.caller.user,
            "tasks",
            remote=self.remote,
            request_id=self.request_id,
            description=f"{purged.tasks} tasks older than {days} days",
        )
        self.reply(
            {
                "message": "Tables purged successfully.",
                "tasks": purged.tasks,
                "messages": purged.messages,
                "boot_actions": purged.boot_actions,
            }
        )


def dry_run_json(run: DryRun) -> dict[str, object]:
    return {
        "kind": "DryRun",
        "action": run.action,
        "design_ref": run.design_ref,
        "nodes": list(run.nodes),
        "steps": {node: list(steps) for node, steps in run.steps.items()},
        "valid": run.is_valid,
        "findings": [finding_json(finding) for finding in run.findings],
        "notes": list(run.notes),
        "unmatched": dict(run.unmatched),
    }


def canonical(task_id: str) -> str:
    """Return a task id as stored: lower case with hyphens; what is no UUID as it came."""
    if len(task_id) not in (32, 36):
        return task_id
    try:
        return str(uuid.UUID(task_id))
    except ValueError:
        return task_id
