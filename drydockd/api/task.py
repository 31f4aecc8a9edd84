"""Tasks: what creates one, what is shown of it, alone and with its subtasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from drydockd.api.actions import CALLED, Action
from drydockd.api.base import Answer, Request
from drydockd.api.builddata import BuildData
from drydockd.api.result import Result, SubtaskResult
from drydockd.api.states import TaskStatus

REQUIRES = "Task creation requires fields design_ref, action"


def _called(name: object) -> Action:
    """Return the action a caller means. Raises ValueError for one that is not a caller's."""
    action = CALLED.get(name) if isinstance(name, str) else None
    if action is None:
        raise ValueError("not an action of the API")
    return action


class TaskRequest(Request):
    """The body of POST tasks. `node_filter` is kept as submitted; null means every node.

    What destroys, cuts power or accepts hardware is refused without a filter unless `all_nodes` is
    true. With `dry_run` nothing is made: the answer says what would be done.
    Source: contract, api, section 4.2.
    """

    action: Annotated[
        Action,
        BeforeValidator(_called),
        WithJsonSchema({"type": "string", "enum": list(CALLED)}),
    ]
    design_ref: str = Field(min_length=1)
    # What a filter may hold is for the design to judge, which does so for all who use filters.
    node_filter: dict[str, object] | None = None
    all_nodes: bool = False
    dry_run: bool = False

    @classmethod
    def refusal(cls, field: str, given: Mapping[str, object]) -> str | None:
        has_ref = bool(given.get("design_ref"))
        if field == "action" and (has_ref or given.get("action") is not None):
            return f"Unsupported action {str(given.get('action'))[:60]}"
        return REQUIRES if field in ("action", "design_ref") and not has_ref else None


class Task(Answer):
    """The Task object. Times are ISO 8601 in UTC. Source: contract, tasks, section 1.

    `build_data` and `subtask_errors` are there when asked for, `retry_of` and `retried_by` when
    the task is a retry or was retried. `action` is text: a newer server may know more of them.
    """

    kind: Literal["Task"]
    api_version: Literal["v1"] = Field(alias="apiVersion")
    task_id: str
    action: str
    parent_task_id: str | None
    design_ref: str | None
    status: TaskStatus
    result: Result
    node_filter: dict[str, object] | None
    subtask_id_list: list[str]
    created: str
    created_by: str | None
    updated: str
    terminated: str | None
    terminated_by: str | None
    terminate: bool
    retry: int
    retry_of: str | None = None
    retried_by: list[str] = Field(default_factory=list)
    build_data: list[BuildData] = Field(default_factory=list)
    subtask_errors: dict[str, SubtaskResult] = Field(default_factory=dict)


class TaskTree(Answer):
    """A task and those below it, by id; one that is gone is None. Source: contract, api, 4.4."""

    __pydantic_extra__: dict[str, Task | None]

    init_task_id: str
    subtask_errors: dict[str, SubtaskResult] = Field(default_factory=dict)

    @property
    def tasks(self) -> dict[str, Task | None]:
        return self.__pydantic_extra__


class Purged(Answer):
    """What DELETE tasks removed."""

    message: str
    tasks: int
    messages: int
    boot_actions: int
