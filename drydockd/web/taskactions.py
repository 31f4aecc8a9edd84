"""A task is stopped, or tried again: first a page that says what that does."""

from __future__ import annotations

from typing import ClassVar

from drydockd import errors
from drydockd.auth.audit import Event
from drydockd.model import API_ACTIONS, Task
from drydockd.web import commands
from drydockd.web.confirming import EFFECTS, HARMS, leaves
from drydockd.web.taskpages import OfTaskPages
from drydockd.web.tasktree import State


class StopPage(OfTaskPages):
    policy: ClassVar = {"GET": "terminate_task", "POST": "terminate_task"}
    about: ClassVar = {
        "GET": "what stopping a task leaves behind",
        "POST": "stops the task",
    }

    async def get(self, task_id: str) -> None:
        task = self.root_of(task_id)
        watch = await self.watch_of(task)
        at_work = [
            (step.action, len(names), leaves(step.action))
            for step in watch.tree.steps.values()
            if (names := step.tally.names(State.RUNNING))
        ]
        self.render_page(
            "task_stop.html",
            title=f"Stop {task.action} {task.task_id[:8]}",
            task=task,
            counts_now=watch.tree.counts,
            at_work=at_work,
            lines=commands.stop(task.task_id, self.url),
        )

    async def post(self, task_id: str) -> None:
        task = await self.services.tasks.terminate(self.root_of(task_id).task_id, self.caller)
        self.record(Event.SENSITIVE_UPDATE, self.caller.user, task.task_id, description="terminate")
        self.go(self.path_of(task))


class RetryPage(OfTaskPages):
    """A new task for the nodes that failed."""

    policy: ClassVar = {"GET": "create_task", "POST": "create_task"}
    about: ClassVar = {
        "GET": "which nodes a retry takes up",
        "POST": "a new task for the nodes that failed",
    }

    async def get(self, task_id: str) -> None:
        task = self._retriable(task_id)
        names = task.result.failures
        what = (
            f"{len(names)} machine{'' if len(names) == 1 else 's'}" if names else "the whole task"
        )
        self.render_page(
            "task_retry.html",
            title=f"Retry {task.action} {task.task_id[:8]}",
            task=task,
            names=names,
            effect=f"{EFFECTS[task.action].format(what)} again",
            harm=HARMS.get(task.action, ""),
            lines=commands.again(task.task_id, self.url),
        )

    async def post(self, task_id: str) -> None:
        failed = self._retriable(task_id)
        count = len(failed.result.failures)
        if failed.action in HARMS and self.field("typed_count") != str(count):
            raise errors.InvalidInput(
                f"Nothing was done: {count} machines are meant; type that number"
            )
        task = await self.services.tasks.retry(failed.task_id, self.caller)
        self.record(
            Event.SENSITIVE_CREATE,
            self.caller.user,
            task.task_id,
            description=f"retry of {failed.task_id}",
        )
        self.go(self.path_of(task))

    def _retriable(self, task_id: str) -> Task:
        """Return the task, if its kind is one that people create. Raises Conflict, Forbidden."""
        task = self.root_of(task_id)
        if task.action not in API_ACTIONS:
            raise errors.Conflict(f"{task.action} is not retried by itself")
        self.require(task.action)
        if not task.status.is_final:
            raise errors.Conflict(
                f"Task {task.task_id} is {task.status}; it can be retried when it has ended"
            )
        return task
