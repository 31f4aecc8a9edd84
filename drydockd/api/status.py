"""The daemon on one screen: itself, what it depends on, tasks under way, failed nodes."""

from __future__ import annotations

from typing import Literal

from drydockd.api.base import Answer
from drydockd.api.states import TaskStatus


class Dependency(Answer):
    """``up``, ``down`` with its cause, or ``none``: not configured."""

    name: Literal["store", "provisioner", "keystone"]
    state: Literal["up", "down", "none"]
    cause: str | None


class OpenTask(Answer):
    """A top-level task that has not ended; `nodes` is how many it is for, once known.

    Of them so many `passed` all its steps and so many `failed`; `step` is the first one that some
    are still in. None of a server that does not tell.
    """

    task_id: str
    action: str
    status: TaskStatus
    created: str
    created_by: str | None
    nodes: int
    passed: int | None = None
    failed: int | None = None
    step: str | None = None


class FailedNodes(Answer):
    """The nodes whose last task failed for them, at one step, for one cause; `count` of them."""

    task_id: str
    action: str
    step: str | None
    cause: str
    remedy: str
    count: int
    nodes: list[str]


class Status(Answer):
    version: str
    started: str
    uptime_seconds: float
    dependencies: list[Dependency]
    warnings: list[str]
    tasks: list[OpenTask]
    failures: list[FailedNodes]
