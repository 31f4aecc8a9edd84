"""Counts how tasks, steps of nodes and boot actions end, as the store is told of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from drydockd.errors import NotFound
from drydockd.model import API_ACTIONS, Action, BootAction, BootActionStatus, Task, TaskStatus
from drydockd.store.base import Store
from drydockd.store.news import News

OUTCOMES = ("success", "partial_success", "failure", "terminated")
# What is done to one node at a time.
STEPS = (
    Action.SET_NODE_BOOT,
    Action.POWER_CYCLE_NODE,
    Action.POWER_ON_NODE,
    Action.POWER_OFF_NODE,
    Action.INTERROGATE_OOB,
    Action.IDENTIFY_NODE,
    Action.CONFIGURE_HARDWARE,
    Action.APPLY_NODE_NETWORKING,
    Action.APPLY_NODE_STORAGE,
    Action.APPLY_NODE_PLATFORM,
    Action.DEPLOY_NODE,
    Action.BOOTACTION_REPORT,
    Action.DESTROY_NODE,
    Action.RELABEL_NODE,
)
STEP_OUTCOMES = ("success", "failure", "terminated")
REPORTED = (BootActionStatus.SUCCESS, BootActionStatus.FAILURE)
# A boot action whose report was waited for in vain.
MISSING = "missing"
# A check of a design takes a second, a preparation of real hardware an hour, a site a day.
TASK_SECONDS = (1, 10, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400)
STEP_SECONDS = (0.1, 1, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


class Outcomes:
    """One per daemon; counts from its start. A record that ended before is not counted.

    Where several daemons share the store each is told of all, and one `counts`: the runner of
    the moment, so that the numbers of all add up to what happened.

    Counters are there from the start with 0: the first of an increase would be lost else.
    """

    def __init__(
        self,
        store: Store,
        registry: CollectorRegistry,
        counts: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._counts = counts
        self._open = {
            task.task_id
            for status in TaskStatus
            if not status.is_final
            for task in store.tasks(status=status)
        }
        tasks = Counter(
            "drydock_tasks_ended",
            "Top-level tasks that ended, by how.",
            ["action", "outcome"],
            registry=registry,
        )
        task_seconds = Histogram(
            "drydock_task_duration_seconds",
            "Time from the begin of a top-level task to its end, waiting for its turn left out.",
            ["action"],
            buckets=TASK_SECONDS,
            registry=registry,
        )
        steps = Counter(
            "drydock_node_steps_ended",
            "Attempts of one node at one step that ended, by how.",
            ["step", "outcome"],
            registry=registry,
        )
        step_seconds = Histogram(
            "drydock_node_step_duration_seconds",
            "Time of one attempt of one node at one step.",
            ["step"],
            buckets=STEP_SECONDS,
            registry=registry,
        )
        self._boot_actions = Counter(
            "drydock_boot_actions_ended",
            "Boot actions that were reported as ended, or were missing when their time was over.",
            ["outcome"],
            registry=registry,
        )
        # The library looks each of them up under a lock, as other programs have threads that ask.
        self._tasks, self._task_seconds = cache(tasks.labels), cache(task_seconds.labels)
        self._steps, self._step_seconds = cache(steps.labels), cache(step_seconds.labels)
        for action in API_ACTIONS:
            for outcome in OUTCOMES:
                self._tasks(action.value, outcome)
        for step in STEPS:
            for outcome in STEP_OUTCOMES:
                self._steps(step.value, outcome)
        for outcome in (*REPORTED, MISSING):
            self._boot_actions.labels(str(outcome))
        self.close: Callable[[], None] = store.watch(self._heard)

    def _heard(self, seq: int, news: News) -> None:
        for part in news.parts:
            if isinstance(part, Task):
                if not part.status.is_final:
                    self._open.add(part.task_id)
                elif part.task_id in self._open:
                    self._open.discard(part.task_id)
                    if self._counts():
                        self._ended(part)
            elif isinstance(part, BootAction) and _is_reported(part) and self._counts():
                self._boot_actions.labels(part.status.value).inc()

    def _ended(self, task: Task) -> None:
        is_cut = task.status is TaskStatus.TERMINATED
        outcome = "terminated" if is_cut else task.result.status.value
        seconds = _seconds(task)
        if task.parent_task_id is None:
            self._tasks(task.action.value, outcome).inc()
            if seconds is not None:
                self._task_seconds(task.action.value).observe(seconds)
        elif self._is_attempt(task):
            self._steps(task.action.value, outcome).inc()
            if seconds is not None:
                self._step_seconds(task.action.value).observe(seconds)
            if task.action is Action.BOOTACTION_REPORT and outcome == "failure":
                self._count_missing(task.scope[0])

    def _is_attempt(self, task: Task) -> bool:
        """Whether it is a node's own record of a step: below the step's, which is called alike."""
        if len(task.scope) != 1:
            return False
        try:
            step = self._store.task(task.parent_task_id or "")
        except NotFound:
            return False
        return step.action is task.action and step.parent_task_id is not None

    def _count_missing(self, node: str) -> None:
        rows = self._store.boot_actions(node)
        silent = sum(r.status is BootActionStatus.INCOMPLETE and r.closed is None for r in rows)
        self._boot_actions.labels(MISSING).inc(silent)


def _is_reported(action: BootAction) -> bool:
    # A final one changes once more, when it is closed, and never otherwise.
    return action.status in REPORTED and action.closed is None


def _seconds(task: Task) -> float | None:
    """How long it was at work; None: it never began. A clock set back makes it 0."""
    if not task.started:
        return None
    begun, ended = (datetime.fromisoformat(moment) for moment in (task.started, task.updated))
    return max(0.0, (ended - begun).total_seconds())
