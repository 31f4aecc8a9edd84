"""tasks/<id>: show, wait, build data, terminate, retry."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from drydockd.api.base import Request
from drydockd.api.builddata import BuildData
from drydockd.api.error import Error
from drydockd.api.task import Task, TaskTree
from drydockd.auth.audit import Event
from drydockd.handlers import parameters
from drydockd.handlers.builddata import build_data_parts
from drydockd.handlers.tasks import OfTasks, canonical
from drydockd.model import API_ACTIONS

WAIT = parameters.number(
    "wait", "hold the answer for so many seconds, or until the task changed", 0, 86_400
)
# Unparsable means 0, as the original's clients rely on.
LAYERS = parameters.Parameter(
    "layers",
    "the tasks by their ids, down to so many levels; -1: all, 0: only this task, as it is",
    {"type": "integer"},
    lambda text: levels(text),
)
BUILDDATA = parameters.flag("builddata", "with what was learnt about nodes")
SUBTASKERRORS = parameters.flag("subtaskerrors", "with the results of subtasks that have errors")


class TaskHandler(OfTasks):
    """One task; ``wait`` seconds holds the answer until it changes or ends."""

    policy: ClassVar = {"GET": "read_task"}
    names: ClassVar = {"GET": "get_task"}
    about: ClassVar = {
        "GET": "one task; its tree, its build data",
    }
    parameters: ClassVar = {"GET": (WAIT, LAYERS, BUILDDATA, SUBTASKERRORS)}
    answers: ClassVar = {("GET", 200): Task | TaskTree}

    async def get(self, task_id: str) -> None:
        builddata, with_errors = bool(self.given(BUILDDATA)), bool(self.given(SUBTASKERRORS))
        layers = self.given(LAYERS) or 0
        limit = self.services.settings.api.wait_limit
        seconds = self.given(WAIT)
        task = self.task_of(task_id)
        if seconds:
            # More than the limit is not refused: the client asks again, as it has to anyway.
            await self._changed(task.task_id, min(seconds, limit))
            if self.services.barrier is not None:
                await self.catch_up(self.services.barrier)
            task = self.task_of(task.task_id)
        await self.reply_parts(
            self.services.views.shown(task, layers=layers, builddata=builddata, errors=with_errors)
        )

    async def _changed(self, task_id: str, seconds: float) -> None:
        """Return when the task changed, the time is over, or nobody need wait any longer.

        That is when the daemon is about to stop, when the client left or will say no more
        (half closed or gone looks the same until something is written), or when others need
        the connection.
        """
        with self.services.polls.taken(self.holder):
            change = asyncio.ensure_future(self.services.tasks.wait(task_id, seconds))
            closing = asyncio.ensure_future(self.services.closing.wait())
            leaving = self.leaving(may_hurry=True)
            causes: list[asyncio.Future[Any]] = [change, closing, leaving]
            try:
                done, _ = await asyncio.wait(causes, return_when=asyncio.FIRST_COMPLETED)
            finally:
                change.cancel()
                closing.cancel()
            if change in done:
                change.result()


class TaskBuildDataHandler(OfTasks):
    policy: ClassVar = {"GET": "read_build_data"}
    names: ClassVar = {"GET": "get_task_build_data"}
    about: ClassVar = {
        "GET": "what it learnt about its nodes",
    }
    answers: ClassVar = {("GET", 200): list[BuildData]}

    async def get(self, task_id: str) -> None:
        store, wanted = self.services.store, canonical(task_id)
        # Build data outlive their task, so the task itself need not be there.
        walk = store.walk_build_data(task_id=wanted)
        absent = f"No build data found for task {task_id}"
        await self.reply_parts(build_data_parts(walk, absent=absent))


class TerminateHandler(OfTasks):
    policy: ClassVar = {"POST": "terminate_task"}
    names: ClassVar = {"POST": "terminate_task"}
    about: ClassVar = {
        "POST": "the task, [being stopped](tasks.md#stopping-and-trying-again)",
    }
    bodies: ClassVar = {"POST": Request}
    answers: ClassVar = {("POST", 200): Task, ("POST", 409): Error}

    async def post(self, task_id: str) -> None:
        self.no_body()
        task = await self.services.tasks.terminate(self.task_of(task_id).task_id, self.caller)
        self.audit(Event.SENSITIVE_UPDATE, task, "terminate")
        await self.reply_parts(self.services.views.shown(task))


class RetryHandler(OfTasks):
    """A new task for the nodes that failed; needs the right to create such a task."""

    policy: ClassVar = {"POST": "create_task"}
    names: ClassVar = {"POST": "retry_task"}
    about: ClassVar = {
        "POST": "201, a new task for the nodes that failed; the action's own rule is asked too",
    }
    bodies: ClassVar = {"POST": Request}
    answers: ClassVar = {("POST", 201): Task, ("POST", 409): Error}

    async def post(self, task_id: str) -> None:
        self.no_body()
        failed = self.task_of(task_id)
        if failed.action in API_ACTIONS:
            self.require(failed.action)
        task = await self.services.tasks.retry(failed.task_id, self.caller)
        self.audit(Event.SENSITIVE_CREATE, task, f"retry of {failed.task_id}")
        self.created(task)


def levels(text: str) -> int:
    """Return ``layers``: unparsable means 0, as the original's clients rely on."""
    try:
        return max(-1_000_000, min(int(text), 1_000_000))
    except ValueError:
        return 0
